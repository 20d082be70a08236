"""The rival `openai-agents`: an agent on the OpenAI Agents SDK, whose tools run under `asyncio.gather`.

Called as a worker of `chaos_real`: OWNER CLASS PORT. The model is a script: two steps of two calls each, and a call whose
result says that it failed is made again, at most twice, with a new id, as models do. The key that a call gives to the sink
is the one that the SDK gives to a tool: the call's id. What one life knew, the next one knows by the SDK's own sessions.
"""

import asyncio
import json
import os
import signal
import sys
import uuid

from agents import Agent, Model, ModelResponse, Runner, SQLiteSession, Usage, function_tool, set_tracing_disabled
from agents.tool_context import ToolContext
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

STEPS, CALLS, TRIES = 2, 2, 3
SINK_CLASS, PORT = sys.argv[2], int(sys.argv[3])
POINT, _, NTH = os.environ.get("CHAOS_FAIL_POINT", "").partition(":")
reached = {"left": int(NTH or 0)}


def fail_point(point):
    if point == POINT:
        reached["left"] -= 1
        if reached["left"] == 0:
            os.kill(os.getpid(), signal.SIGKILL)


async def ask(request):
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    writer.write((json.dumps(request) + "\n").encode())
    await writer.drain()
    answer = await reader.read(4096)
    writer.close()
    return json.loads(answer)


@function_tool
async def act(context: ToolContext, intent: str) -> str:
    """Acts."""
    fail_point("dispatch.before")
    done = await asyncio.wait_for(ask({"op": "act", "key": context.tool_call_id, "intent": intent}), 1)
    fail_point("dispatch.answered")
    return json.dumps(done)


class Script(Model):
    async def get_response(self, system_instructions, input, *rest, **more):
        intent_of, told = {}, {}
        for item in input if isinstance(input, list) else []:
            if item.get("type") == "function_call":
                intent_of[item["call_id"]] = json.loads(item["arguments"])["intent"]
            if item.get("type") == "function_call_output":
                told.setdefault(intent_of[item["call_id"]], []).append(str(item["output"]).startswith("{"))
        for step in range(STEPS):
            intents = [f"intent {step}.{call}" for call in range(CALLS)]
            again = [i for i in intents if not any(told.get(i, [])) and len(told.get(i, [])) < TRIES]
            if again:
                calls = [
                    ResponseFunctionToolCall(
                        type="function_call", call_id=uuid.uuid4().hex, name="act", arguments=json.dumps({"intent": i})
                    )
                    for i in again
                ]
                return ModelResponse(output=calls, usage=Usage(), response_id=None)
        said = [[intent, "Done" if any(ways) else "Failed"] for intent, ways in sorted(told.items())]
        text = ResponseOutputText(type="output_text", text=json.dumps(said), annotations=[])
        message = ResponseOutputMessage(id="m", type="message", role="assistant", status="completed", content=[text])
        return ModelResponse(output=[message], usage=Usage(), response_id=None)

    def stream_response(self, *rest, **more):
        raise NotImplementedError


async def main():
    set_tracing_disabled(True)
    session = SQLiteSession("run", os.environ["CHAOS_STATE"] + ".sessions")
    agent = Agent(name="agent", tools=[act], model=Script())
    ran = await Runner.run(agent, "go", max_turns=40, session=session)
    print(ran.final_output)


asyncio.run(main())
