"""Answers a set with a Python rival, a line of JSON for each case, and prints the processor time it took."""

import json
import sys
import time

import jiter
import json_repair

tool, path, out = sys.argv[1:4]
cases = [json.loads(line) for line in open(path, encoding="utf-8")]


def holds(part, whole):
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and holds(value, whole[key]) for key, value in part.items())
    if isinstance(part, list) and isinstance(whole, list):
        return len(part) <= len(whole) and all(map(holds, part, whole))
    return part == whole


def preview(text):
    if tool == "jiter-previews":
        return jiter.from_json(text.encode(), partial_mode="on")
    return json_repair.loads(text, stream_stable=True)


def previews():
    shown = wrong = 0
    for case in cases[95:245]:
        whole = json.loads(case["input"])
        for end in range(1, len(case["input"]), 3):
            try:
                part = preview(case["input"][:end])
            except ValueError:
                continue
            if part in ("", None):
                continue
            shown += 1
            wrong += not holds(part, whole)
    print(json.dumps({"previews": shown, "false": wrong, "false_percent": 100 * wrong / max(shown, 1)}))


def answer(case):
    if tool == "jiter":
        return jiter.from_json(case["input"].encode())
    if tool == "json_repair":
        return json_repair.loads(case["input"])
    mode = "salvage" if tool == "json_repair-salvage" else "standard"
    return json_repair.loads(case["input"], schema=case["schema"], schema_repair_mode=mode)


if tool.endswith("previews"):
    previews()
    sys.exit()
spent = time.process_time()
answers = []
for case in cases:
    try:
        answers.append({"id": case["id"], "value": answer(case)})
    except Exception as error:  # noqa: BLE001 - whatever it says is a refusal
        answers.append({"id": case["id"], "error": str(error)[:200]})
spent = time.process_time() - spent
with open(out, "w", encoding="utf-8") as file:
    for line in answers:
        try:
            text = json.dumps(line, allow_nan=False, ensure_ascii=False)
            text.encode("utf-8")  # half of a surrogate pair is no text
        except (TypeError, ValueError):
            text = json.dumps({"id": line["id"], "error": "no JSON"})
        file.write(text + "\n")
print(json.dumps({"us_a_document": spent * 1e6 / max(len(cases), 1)}))
