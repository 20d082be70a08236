#!/usr/bin/env python3
"""The smallest worker that the conformance suite can run: a plain loop with retries, in Python without packages.

`cargo xtask chaos --worker xtask/src/chaos/example_worker.py` puts it into the table. docs/conformance.md says
what a worker is told and what it has to say. This one remembers what it did in a file and sends again what failed, under
a key of its own: right for a sink that takes keys, and wrong for one that takes none, as the table shows.
"""

import json
import os
import signal
import socket
import sys

STEPS, CALLS, TRIES = 2, 2, 8
_, owner, sink_class, port = sys.argv
STATE = os.environ["CHAOS_STATE"] + ".done"
POINT, _, NTH = os.environ.get("CHAOS_FAIL_POINT", "").partition(":")
left = int(NTH or 0)


def fail_point(point):
    """Dies at the n-th time that it comes here, if the suite says so."""
    global left
    if point == POINT:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def ask(request):
    """One line to the sink, one line back; a connection that ends without one lost the answer."""
    with socket.create_connection(("127.0.0.1", int(port)), timeout=1) as sink:
        sink.sendall((json.dumps(request) + "\n").encode())
        return json.loads(sink.makefile().readline())


def done():
    return open(STATE).read().splitlines() if os.path.exists(STATE) else []


def call(intent):
    for _ in range(TRIES):
        if intent in done():
            return "Done"
        try:
            fail_point("dispatch.before")
            ask({"op": "act", "key": intent, "intent": intent})
            fail_point("dispatch.answered")
        except (OSError, ValueError):
            continue
        with open(STATE, "a") as state:
            state.write(intent + "\n")
    return "Failed"


intents = [f"intent {step}.{place}" for step in range(STEPS) for place in range(CALLS)]
print(json.dumps([[intent, call(intent)] for intent in intents]))
