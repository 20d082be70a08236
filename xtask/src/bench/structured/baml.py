"""Answers a set with BAML's parser, a line of JSON for each case, and prints the processor time it took.

Each schema is written as BAML types first, which is not counted. What BAML's language cannot say (bounds, patterns,
closed objects) is left to the judge's validator. A case without a schema is one that BAML cannot be asked about.
"""

import json
import sys
import time
import types

import baml_py

path, out = sys.argv[1:3]
cases = [json.loads(line) for line in open(path, encoding="utf-8")]

CLIENT = 'client<llm> C {\n  provider openai\n  options {\n    model "none"\n    api_key "none"\n  }\n}\n'


class Record:
    """What BAML builds for a class: the name of the class and its fields."""

    @classmethod
    def model_validate(cls, fields, **_):
        record = Record()
        record.name, record.fields = cls.__name__, fields
        return record


class Classes(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (Record,), {})


class Types:
    """A JSON Schema as BAML types, and the way back."""

    def __init__(self, schema):
        self.text, self.count, self.root = [], 0, schema
        self.classes, self.values = {}, {}
        returned = self.type(schema)
        call = f'function F(text: string) -> {returned} {{\n  client C\n  prompt #"{{{{ text }}}}"#\n}}\n'
        files = {"main.baml": CLIENT + "".join(self.text) + call}
        self.runtime = baml_py.BamlRuntime.from_files("/baml", files, {})
        self.context = self.runtime.create_context_manager()
        self.module = Classes("classes")

    def type(self, schema):
        if "$ref" in schema:
            raise ValueError("references are left out")
        if "const" in schema:
            return json.dumps(schema["const"])
        if "enum" in schema and all(isinstance(value, str) for value in schema["enum"]):
            return self.enum(schema["enum"])
        if branches := schema.get("anyOf") or schema.get("oneOf"):
            return "(" + " | ".join(self.type(branch) for branch in branches) + ")"
        kind = schema.get("type", "string")
        if isinstance(kind, list):
            return "(" + " | ".join(self.type({**schema, "type": one}) for one in kind) + ")"
        if kind == "array":
            return self.type(schema.get("items", {})) + "[]"
        if kind == "object":
            return self.object(schema)
        return {"integer": "int", "number": "float", "boolean": "bool", "null": "null"}.get(kind, "string")

    def name(self, letter):
        self.count += 1
        return f"{letter}{self.count}"

    def enum(self, values):
        name = self.name("E")
        members = {f"V{name}_{n}": value for n, value in enumerate(values)}
        self.values.update(members)
        lines = "".join(f"  {member} @alias({json.dumps(value)})\n" for member, value in members.items())
        self.text.append(f"enum {name} {{\n{lines}}}\n")
        return name

    def object(self, schema):
        properties = schema.get("properties")
        if not properties:
            more = schema.get("additionalProperties")
            return f"map<string, {self.type(more) if isinstance(more, dict) else 'string'}>"
        name, required, lines, fields = self.name("K"), schema.get("required", []), "", {}
        for n, (key, member) in enumerate(properties.items()):
            written = self.type(member)
            fields[f"f{n}"] = (key, key in required)
            lines += f"  f{n} {written}{'' if key in required else '?'} @alias({json.dumps(key)})\n"
        self.classes[name] = fields
        self.text.append(f"class {name} {{\n{lines}}}\n")
        return name

    def back(self, value):
        if isinstance(value, Record):
            fields = self.classes[value.name]
            pairs = ((fields[field], self.back(inner)) for field, inner in value.fields.items())
            return {key: inner for (key, required), inner in pairs if required or inner is not None}
        if isinstance(value, list):
            return [self.back(inner) for inner in value]
        if isinstance(value, dict):
            return {key: self.back(inner) for key, inner in value.items()}
        return self.values.get(value, value) if isinstance(value, str) else value

    def parse(self, text):
        modules = [self.module] * 3
        return self.back(self.runtime.parse_llm_response("F", text, *modules, False, self.context, None, None, {}))


known = {}


def types_of(case):
    key = json.dumps(case["schema"])
    if key not in known:
        try:
            known[key] = Types(case["schema"] or {"$ref": "none"})
        except Exception:  # noqa: BLE001 - a schema that its language cannot say
            known[key] = None
    return known[key]


answers, spent = [], 0.0
for case in cases:
    written = types_of(case)
    if written is None:
        answers.append({"id": case["id"], "error": "no types"})
        continue
    start = time.process_time()
    try:
        answers.append({"id": case["id"], "value": written.parse(case["input"])})
    except Exception as error:  # noqa: BLE001 - whatever it says is a refusal
        answers.append({"id": case["id"], "error": str(error)[:200]})
    spent += time.process_time() - start
with open(out, "w", encoding="utf-8") as file:
    for line in answers:
        try:
            text = json.dumps(line, allow_nan=False, ensure_ascii=False)
            text.encode("utf-8")  # half of a surrogate pair is no text
        except (TypeError, ValueError):
            text = json.dumps({"id": line["id"], "error": "no JSON"})
        file.write(text + "\n")
print(json.dumps({"us_a_document": spent * 1e6 / max(len(cases), 1), "without_types": sum("no types" == a.get("error") for a in answers)}))
