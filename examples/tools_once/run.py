"""A client that asks twice, as clients do after a time-out: one run, one effect, the same answer."""

import os

import openai

client = openai.OpenAI(base_url=os.environ.get("STEERSMAN_URL", "http://127.0.0.1:4180") + "/v1", api_key="any", max_retries=0)

ASK = 'Charge order 7 with 1250 cents. [[find_order {"order": 7}]] [[charge {"order": 7, "cents": 1250}]]'


def charge(key):
    return client.chat.completions.with_raw_response.create(
        model="task/shop",
        messages=[{"role": "user", "content": ASK}],
        extra_headers={"idempotency-key": key},
    )


first, again = charge("order-7"), charge("order-7")
print("first: ", first.parse().choices[0].message.content)
print("again: ", again.parse().choices[0].message.content, f"(replayed: {again.headers.get('x-steersman-replayed')})")
assert first.parse().id == again.parse().id

with open(os.environ.get("SHOP_LOG", "shop.log")) as log:
    effects = [line for line in log if "charge" in line]
print(f"the shop's own log: {len(effects)} charge")
assert len(effects) == 1, effects
