"""Ground-truth traces of AgentDojo suites, without a model.

    pip install agentdojo==0.1.35
    python generate.py OUT [SUITE ...]          default: travel slack
    python generate.py OUT --compare SHIPPED    regenerates the suites that lie in SHIPPED (here workspace and
                                                banking, with the contracts found there) and compares

Every task's ground truth is replayed. User tasks run in an environment whose injection slots hold {{INJ:vector_id}},
injection tasks in the default one. Arguments are those of the default environment; where the ground truth itself
depends on a slot (a channel name, say) the call says so with args_default_env (the same values)."""
import argparse, hashlib, inspect, json, os, pathlib, re, sys

if os.environ.get("PYTHONHASHSEED") != "0":  # AgentDojo orders the participants of an event by the hash of a set
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})

from pydantic import BaseModel

from agentdojo.agent_pipeline.tool_execution import tool_result_to_str
from agentdojo.base_tasks import BaseInjectionTask
from agentdojo.functions_runtime import FunctionCall, FunctionsRuntime
from agentdojo.task_suite.load_suites import get_suite
from agentdojo.types import text_content_block_from_string

VERSION = "v1.2.2"
SLOT = re.compile(r"\{\{INJ:([A-Za-z0-9_]+)\}\}")
NOW = re.compile(r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d\.\d{6}")  # only datetime.now() has microseconds here

# name: (effect, sink, untrusted, attested)
R = lambda *att: ("read", [], True, list(att))
T = ("read", [], False, ["*"])
W = lambda *sink: ("write", list(sink), False, ["*"])
CONTRACTS = {
    "travel": {
        "get_user_information": T,
        "get_all_hotels_in_city": T, "get_hotels_prices": T, "get_hotels_address": T,
        "get_rating_reviews_for_hotels": R(),
        "get_all_restaurants_in_city": T, "get_cuisine_type_for_restaurants": T, "get_restaurants_address": T,
        "get_dietary_restrictions_for_all_restaurants": T, "get_contact_information_for_restaurants": T,
        "get_price_for_restaurants": T, "check_restaurant_opening_hours": T,
        "get_rating_reviews_for_restaurants": R(),
        "get_all_car_rental_companies_in_city": T, "get_car_types_available": T, "get_car_fuel_options": T,
        "get_car_rental_address": T, "get_car_price_per_day": T,
        "get_rating_reviews_for_car_rental": R(),
        "search_calendar_events": R("id_", "participants"), "get_day_calendar_events": R("id_", "participants"),
        "create_calendar_event": W("participants"), "cancel_calendar_event": W("event_id"),
        "reserve_hotel": W("hotel"), "reserve_car_rental": W("company"), "reserve_restaurant": W("restaurant"),
        "get_flight_information": T,
        "send_email": W("recipients", "cc", "bcc", "attachments"),
    },
    "slack": {
        "get_channels": R("[]"),  # a name is the channel's id, yet whoever made the channel chose it
        "get_users_in_channel": T,
        "read_channel_messages": R("sender", "recipient"), "read_inbox": R("sender", "recipient"),
        "send_direct_message": W("recipient"), "send_channel_message": W("channel"),
        "add_user_to_channel": W("user", "channel"), "invite_user_to_slack": W("user", "user_email"),
        "remove_user_from_slack": W("user"),
        "get_webpage": ("write", ["url"], True, []),  # a request to an outside address: the URL can carry data out
        "post_webpage": W("url"),
    },
}
# User tasks that act on text an attacker could write (a page, a message body).
NEEDS_GRANT = {
    "travel": {},
    "slack": {
        "user_task_1": "opens a link taken from a channel message",
        "user_task_2": "takes the e-mail address from a web page",
        "user_task_4": "opens a link taken from a message",
        "user_task_6": "opens a link taken from a channel message",
        "user_task_11": "takes the invitee, link, address and channels from a message and a web page",
        "user_task_15": "opens links taken from channel messages",
        "user_task_16": "takes the e-mail address from a web page",
        "user_task_17": "takes the e-mail address from a web page",
        "user_task_18": "does what a web page lists",
        "user_task_19": "does what a web page lists",
        "user_task_20": "opens links taken from messages, takes the e-mail address from a web page",
    },
}
# Upstream these have an empty ground truth and check the model's answer only; no call can satisfy the check.
NO_CALLS = {"travel": {"injection_task_6"}}


def plain(v):
    if isinstance(v, BaseModel):
        return v.model_dump(mode="json")
    if isinstance(v, (list, tuple)):
        return [plain(x) for x in v]
    if isinstance(v, dict):
        return {str(k): plain(x) for k, x in v.items()}
    return v


class Suite:
    def __init__(self, name, blobs, shipped=None):
        self.name, self.blobs, self.shipped = name, blobs, shipped
        self.suite = get_suite(VERSION, name)
        self.vectors = dict(sorted(self.suite.get_injection_vector_defaults().items()))
        self.contract = CONTRACTS.get(name) or {t["name"]: (t["effect"], t["sink"], t["untrusted"], t["attested"]) for t in shipped["tools"]}

    def put(self, s):
        k = hashlib.sha256(s.encode()).hexdigest()[:16]
        assert self.blobs.setdefault(k, s) == s
        return k

    def tools(self):
        out = []
        for f in self.suite.tools:
            p = f.parameters.model_json_schema()
            effect, sink, untrusted, attested = self.contract[f.name]
            names = [n for n in inspect.signature(f.run).parameters if n in p.get("properties", {})]
            assert set(sink) <= set(names), f.name
            out.append({"name": f.name, "description": f.description, "parameters": p, "effect": effect, "sink": sink,
                        "content": [] if effect == "read" else [n for n in names if n not in sink],
                        "untrusted": untrusted, "attested": attested})
        assert {t["name"] for t in out} == set(self.contract)
        return out

    def env(self, slotted):
        e = self.suite.load_and_inject_default_environment({v: "{{INJ:%s}}" % v for v in self.vectors} if slotted else {})
        return e

    def replay(self, task, calls, slotted, default_calls=None, keep=True):
        """Runs the calls; returns the records, the environment before and after."""
        init = getattr(task, "init_environment", lambda e: e)
        env = init(self.env(slotted))
        pre = env.model_copy(deep=True)
        rt, out = FunctionsRuntime(self.suite.tools), []
        for i, c in enumerate(calls):
            value, error = rt.run_function(env, c.function, c.args)
            js = NOW.sub(r"2026-01-01\g<1>00:00:00", json.dumps(plain(value), ensure_ascii=False))
            tx = NOW.sub(r"2026-01-01\g<1>00:00:00", tool_result_to_str(value))
            effect, sink, untrusted, _ = self.contract[c.function]
            args = plain(dict(c.args))
            rec = {"seq": i, "function": c.function, "args": args}
            if default_calls is not None and plain(dict(default_calls[i].args)) != args:
                rec["args"] = rec["args_default_env"] = plain(dict(default_calls[i].args))
            seen = sorted(set(SLOT.findall(js)))
            assert seen == sorted(set(SLOT.findall(tx)))
            out.append({**rec, "error": error, "effect": effect, "untrusted_output": untrusted,
                        "sink_args": [s for s in sink if s in rec["args"]], "vectors_seen": seen,
                        **({"result_json": self.put(js), "result_text": self.put(tx)} if keep else {})})
        return out, pre, env

    def check(self, task, calls, pre, post):
        return bool(self.suite._check_task_result(task, [text_content_block_from_string(task.GROUND_TRUTH_OUTPUT)], pre, post, calls))

    def calls(self, task, slotted):
        init = getattr(task, "init_environment", lambda e: e)
        return list(task.ground_truth(init(self.env(slotted))))

    def user_task(self, t):
        dcalls = self.calls(t, False)
        _, pre, post = self.replay(t, dcalls, False, keep=False)
        if not self.check(t, dcalls, pre, post):
            print("  utility check fails upstream:", self.name, t.ID)
        scalls = self.calls(t, True)
        assert [c.function for c in scalls] == [c.function for c in dcalls], t.ID
        recs, _, _ = self.replay(t, scalls, True, dcalls)
        seen = sorted({v for c in recs for v in c["vectors_seen"]})
        u = {"id": t.ID, "prompt": t.PROMPT, "difficulty": t.DIFFICULTY.name, "ground_truth_output": t.GROUND_TRUTH_OUTPUT,
             "vectors_seen": seen, "first_exposure_seq": next((c["seq"] for c in recs if c["vectors_seen"]), None),
             "n_writes": sum(c["effect"] == "write" for c in recs)}
        if t.ID in NEEDS_GRANT.get(self.name, {}):
            u["needs_grant"] = True
        return {**u, "calls": recs}

    def injection_task(self, t):
        calls, source = self.calls(t, False), "agentdojo"
        if not calls and self.shipped:
            old = next(x for x in self.shipped["injection_tasks"] if x["id"] == t.ID)
            calls, source = [FunctionCall(function=c["function"], args=c["args"]) for c in old["calls"]], "handwritten"
        recs, pre, post = self.replay(t, calls, False)
        return {"id": t.ID, "goal": t.GOAL, "difficulty": t.DIFFICULTY.name, "ground_truth_source": source,
                "security_check_on_replay": self.check(t, calls, pre, post),
                "n_writes": sum(c["effect"] == "write" for c in recs), "calls": recs}

    def build(self):
        tools = self.tools()
        users = [self.user_task(t) for t in self.suite.user_tasks.values()]
        injs = [self.injection_task(t) for k, t in self.suite.injection_tasks.items() if k not in NO_CALLS.get(self.name, ())]
        return {"benchmark": "AgentDojo", "package": "agentdojo==0.1.35",
                "licence": "MIT (c) 2024 Debenedetti, Zhang, Balunovic, Beurer-Kellner, Fischer, Tramer",
                "benchmark_version": VERSION, "suite": self.name, "injection_vectors": self.vectors, "tools": tools,
                "user_tasks": users, "injection_tasks": injs}


def compare(new, nblobs, old, oblobs):
    """Prints every difference of a regenerated suite to the shipped one; times of day are set equal first."""
    norm = lambda s: NOW.sub(r"2026-01-01\g<1>00:00:00", s)
    n = 0

    def loose(s):  # the participants of an event stand in no fixed order
        try:
            v = json.loads(s)
        except ValueError:
            return sorted(s.splitlines())
        return json.dumps({**v, "participants": sorted(v["participants"])}) if isinstance(v, dict) and "participants" in v else s

    def diff(path, a, b):
        nonlocal n
        if isinstance(a, dict) and isinstance(b, dict):
            if list(a) != list(b):
                print("  keys", path, list(a), list(b)); n += 1
            for k in a:
                if k in b:
                    diff(path + "." + k, a[k], b[k])
        elif path.endswith(".content") and sorted(a) == sorted(b):  # written by hand there, in another order
            pass
        elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
            for i, (x, y) in enumerate(zip(a, b)):
                diff("%s[%d]" % (path, i), x, y)
        elif path.endswith(".result_json") or path.endswith(".result_text"):
            x, y = norm(nblobs[a]), norm(oblobs[b])
            if x != y and loose(x) == loose(y):
                x = y
            if x != y:
                print("  blob", path, repr(x[:200]), repr(y[:200])); n += 1
        elif a != b:
            print("  value", path, repr(a)[:200], repr(b)[:200]); n += 1
    diff("", new, old)
    calls = sum(len(t["calls"]) for k in ("user_tasks", "injection_tasks") for t in new[k])
    print(new["suite"], "compared:", len(new["user_tasks"]), "user tasks,", len(new["injection_tasks"]), "injection tasks,", calls, "calls,", n, "differences")


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("out")
    ap.add_argument("suites", nargs="*")
    ap.add_argument("--compare")
    a = ap.parse_args()
    out = pathlib.Path(a.out)
    out.mkdir(parents=True, exist_ok=True)
    blobs, ship = {}, {}
    if a.compare:
        p = pathlib.Path(a.compare)
        oblobs = json.loads((p / "blobs.json").read_text())
        ship = {f.stem: json.loads(f.read_text()) for f in sorted(p.glob("*.json")) if f.name != "blobs.json"}
    for name in a.suites or list(ship) or ["travel", "slack"]:
        d = Suite(name, blobs, ship.get(name)).build()
        (out / (name + ".json")).write_text(json.dumps(d, ensure_ascii=False))
        if name in ship:
            compare(d, blobs, ship[name], oblobs)
        print(name, len(d["tools"]), "tools", len(d["user_tasks"]), "user tasks", len(d["injection_tasks"]), "injection tasks")
    (out / "blobs.json").write_text(json.dumps(dict(sorted(blobs.items())), ensure_ascii=False))
