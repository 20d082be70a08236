"""A test is a function marked with `@test`; its name is a sentence. `run` runs them all and prints the counts."""

import os
import sys
import traceback

GATEWAY = os.environ.get("STEERSMAN_URL", "")
PROVIDER = os.environ.get("PROVIDER_URL", "")
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def raises(kind, call):
    """The error of this kind that the call raises."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__} was raised")


def run():
    failed = 0
    for function in TESTS:
        sentence = function.__name__.replace("_", " ")
        try:
            function()
            print(f"  ok      {sentence}")
        except Exception:
            failed += 1
            print(f"  FAILED  {sentence}")
            traceback.print_exc(file=sys.stdout)
    print(f"{len(TESTS) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
