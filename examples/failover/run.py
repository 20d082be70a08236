"""Two hundred calls of a model whose first place fails three times in ten: how many fail, and how many needed a second try."""

import os
from collections import Counter

import openai

client = openai.OpenAI(base_url=os.environ.get("STEERSMAN_URL", "http://127.0.0.1:4180") + "/v1", api_key="any", max_retries=0)

failed, tries, served = 0, Counter(), Counter()
for number in range(200):
    try:
        raw = client.chat.completions.with_raw_response.create(
            model="assistant", messages=[{"role": "user", "content": f"Where is parcel {number}?"}]
        )
    except openai.APIError as error:
        failed += 1
        print(f"request {number} failed: {error}")
        continue
    tries[int(raw.headers.get("x-steersman-attempts", 1))] += 1
    served[raw.headers["x-steersman-model"]] += 1

print(f"failed: {failed} of 200")
print("attempts a request:", dict(sorted(tries.items())))
print("answered by:", dict(served))
assert failed == 0, "a failing place must not be seen by clients"
assert tries.total() > tries[1], "the place in the east never failed"
