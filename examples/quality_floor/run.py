"""Sends tickets until the floor is proved, then looks at who answers what, and what it saves."""

import json
import os
import time
import urllib.request
from collections import Counter

import openai

GATEWAY = os.environ.get("STEERSMAN_URL", "http://127.0.0.1:4180")
client = openai.OpenAI(base_url=GATEWAY + "/v1", api_key="any", max_retries=0)

QUESTIONS = [
    "Where is parcel {}?",
    "When does parcel {} arrive?",
    "The courier lost parcel {}.",
    "I cannot log in as user {}.",
    "Reset the password of user {}.",
    "Please refund order {}.",
]
CATEGORY = {
    "type": "object",
    "properties": {"category": {"type": "string", "enum": ["delivery", "account", "money"]}},
    "required": ["category"],
    "additionalProperties": False,
}


def sort(number):
    raw = client.chat.completions.with_raw_response.create(
        model="task/sorting",
        messages=[{"role": "user", "content": QUESTIONS[number % len(QUESTIONS)].format(number)}],
        response_format={"type": "json_schema", "json_schema": {"name": "sorted", "strict": True, "schema": CATEGORY}},
    )
    return raw.headers["x-steersman-model"]


def standing():
    with urllib.request.urlopen(GATEWAY + "/v1/objectives") as answer:
        return json.load(answer)["data"]["sorting"]


number, phase, deadline = 0, None, time.monotonic() + 120
while phase != "armed" and time.monotonic() < deadline:
    sort(number)
    number += 1
    now = standing()
    if now["phase"] != phase:
        phase = now["phase"]
        print(f"after {number:4} requests: {phase}; {now.get('next_step', '')}")
assert phase == "armed", standing()

kinds = {"refund": Counter(), "other": Counter()}
for number in range(number, number + 120):
    kinds["refund" if "refund" in QUESTIONS[number % len(QUESTIONS)] else "other"][sort(number)] += 1
print("refunds answered by:", dict(kinds["refund"]))
print("all else answered by:", dict(kinds["other"]))
