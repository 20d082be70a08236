"""One schema, three answers: broken in form, wrong by a rule, and one that could mean two things."""

import json
import os
from collections import Counter

import openai

client = openai.OpenAI(base_url=os.environ.get("STEERSMAN_URL", "http://127.0.0.1:4180") + "/v1", api_key="any", max_retries=0)

LINE = {
    "type": "object",
    "properties": {"what": {"type": "string"}, "cents": {"type": "integer"}},
    "required": ["what", "cents"],
    "additionalProperties": False,
}
INVOICE = {
    "type": "object",
    "properties": {
        "number": {"type": "string"},
        "lines": {"type": "array", "items": LINE},
        "total_cents": {"type": "integer"},
        "paid": {"type": "boolean"},
    },
    "required": ["number", "lines", "total_cents", "paid"],
    "additionalProperties": False,
}


def read(which):
    return client.chat.completions.with_raw_response.create(
        model="task/invoices",
        messages=[{"role": "user", "content": f"Read {which}."}],
        response_format={"type": "json_schema", "json_schema": {"name": "invoice", "strict": True, "schema": INVOICE}},
    )


for which in ["Invoice A", "Invoice B"]:
    raw = read(which)
    invoice = json.loads(raw.parse().choices[0].message.content)
    assert sum(line["cents"] for line in invoice["lines"]) == invoice["total_cents"]
    print(f"{which}: {json.dumps(invoice)}")
    repairs = Counter(repair["code"] for repair in json.loads(raw.headers.get("x-steersman-repairs", "[]")))
    print(f"  calls of the model: {raw.headers.get('x-steersman-attempts', '1')}; repaired: {dict(repairs)}")

try:
    read("Invoice C")
    raise SystemExit("one of two readings was picked")
except openai.APIError as error:
    print(f"Invoice C: refused, {error.code}: {error.message}")
