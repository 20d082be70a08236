"""The official OpenAI SDK for Python, unchanged but for its `base_url`, against the gateway."""

import json
import time
import urllib.request

import openai
from check import GATEWAY, PROVIDER, raises, run, test

client = openai.OpenAI(base_url=f"{GATEWAY}/v1", api_key="unused", max_retries=0)

QUESTION = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where is my parcel?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1, "maximum": 7}},
            "required": ["city", "days"],
            "additionalProperties": False,
        },
    },
}
TIME = {
    "type": "function",
    "function": {
        "name": "get_time",
        "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}, "required": ["zone"]},
    },
}
TICKET = {
    "type": "json_schema",
    "json_schema": {
        "name": "ticket",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {
                "category": {"type": "string", "enum": ["delivery", "billing", "other"]},
                "urgent": {"type": "boolean"},
                "order": {"type": ["integer", "null"]},
            },
            "required": ["category", "urgent", "order"],
            "additionalProperties": False,
        },
    },
}


# A model of each dialect that a provider may speak, and of each cloud that hosts one in an envelope of its own.
EVERY_DIALECT = ["sim-small", "sim-claude", "sim-responses", "sim-gemini", "sim-bedrock", "sim-vertex", "sim-vertex-claude"]


def ask(model="sim-small", **more):
    return client.chat.completions.create(model=model, messages=more.pop("messages", QUESTION), **more)


def provider_bill():
    with urllib.request.urlopen(f"{PROVIDER}/sim/bill") as answer:
        return json.load(answer)


def eventually(what, holds, seconds=10.0):
    """Asks again until it holds: the other side needs a moment to notice."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.02)


@test
def an_answer_has_text_a_reason_and_usage():
    answer = ask()
    choice = answer.choices[0]
    assert choice.message.role == "assistant" and choice.message.content, choice
    assert choice.finish_reason == "stop", choice.finish_reason
    assert answer.usage.prompt_tokens > 0 and answer.usage.completion_tokens > 0, answer.usage
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens, answer.usage


@test
def a_stream_gives_the_same_text_as_the_whole_answer():
    chunks = list(ask(stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == ask().choices[0].message.content, text
    reasons = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
    assert reasons[-1] == "stop" and len([r for r in reasons if r]) == 1, reasons


@test
def a_stream_has_usage_exactly_when_it_is_asked_for():
    asked = list(ask(stream=True, stream_options={"include_usage": True}))
    assert asked[-1].usage.completion_tokens > 0 and asked[-1].choices == [], asked[-1]
    assert all(chunk.usage is None for chunk in asked[:-1])
    assert all(chunk.usage is None for chunk in ask(stream=True))


@test
def a_tool_is_called_with_arguments_of_its_schema():
    choice = ask(tools=[WEATHER]).choices[0]
    assert choice.finish_reason == "tool_calls", choice
    call = choice.message.tool_calls[0]
    arguments = json.loads(call.function.arguments)
    assert call.function.name == "get_weather" and call.id, call
    assert isinstance(arguments["city"], str) and 1 <= arguments["days"] <= 7, arguments


@test
def tools_are_called_in_parallel_whole_and_streamed():
    whole = ask("sim-parallel", tools=[WEATHER, TIME]).choices[0].message.tool_calls
    assert [call.function.name for call in whole] == ["get_weather", "get_time"], whole
    streamed = {}
    for chunk in ask("sim-parallel", tools=[WEATHER, TIME], stream=True):
        for delta in chunk.choices[0].delta.tool_calls or [] if chunk.choices else []:
            call = streamed.setdefault(delta.index, {"id": None, "name": "", "arguments": ""})
            call["id"] = delta.id or call["id"]
            call["name"] += delta.function.name or ""
            call["arguments"] += delta.function.arguments or ""
    assert [call["arguments"] for call in streamed.values()] == [call.function.arguments for call in whole], streamed
    assert [call["id"] for call in streamed.values()] == [call.id for call in whole], streamed


@test
def a_conversation_goes_on_after_a_tool_result():
    first = ask(tools=[WEATHER]).choices[0].message
    result = {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "rain"}
    answer = ask(tools=[WEATHER], messages=[*QUESTION, first, result]).choices[0]
    assert answer.finish_reason == "stop" and answer.message.content, answer


@test
def a_schema_gives_a_value_of_its_form():
    value = json.loads(ask(response_format=TICKET).choices[0].message.content)
    assert value["category"] in ("delivery", "billing", "other") and isinstance(value["urgent"], bool), value


@test
def a_schema_can_be_streamed():
    chunks = ask(response_format=TICKET, stream=True)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert set(json.loads(text)) == {"category", "urgent", "order"}, text


@test
def the_helper_for_typed_answers_works():
    from pydantic import BaseModel

    class Ticket(BaseModel):
        category: str
        urgent: bool

    answer = client.chat.completions.parse(model="sim-small", messages=QUESTION, response_format=Ticket)
    assert isinstance(answer.choices[0].message.parsed, Ticket), answer


@test
def text_and_image_parts_reach_the_model():
    parts = [
        {"type": "text", "text": "What is on it?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
    ]
    answer = ask("sim-echo", messages=[{"role": "user", "content": parts}])
    assert "What is on it?" in answer.choices[0].message.content, answer


@test
def stop_and_a_limit_end_the_answer():
    message = [{"role": "user", "content": "one two three four five six seven"}]
    stopped = ask("sim-echo", messages=message, stop=["four"], seed=1, temperature=0).choices[0]
    assert stopped.message.content == "one two three " and stopped.finish_reason == "stop", stopped
    cut = ask("sim-echo", messages=message, max_completion_tokens=2).choices[0]
    assert cut.finish_reason == "length", cut


@test
def several_choices_come_when_several_are_asked_for():
    assert [choice.index for choice in ask(n=2).choices] == [0, 1]


@test
def cached_and_reasoning_tokens_are_in_the_usage():
    usage = ask("sim-thinks").usage
    assert usage.completion_tokens_details.reasoning_tokens > 0, usage
    assert usage.prompt_tokens_details.cached_tokens > 0, usage


@test
def a_refusal_is_a_refusal():
    message = ask("sim-refuses").choices[0].message
    assert message.refusal == "I cannot help with that." and not message.content, message


@test
def an_unknown_model_is_not_found_and_the_nearest_is_named():
    error = raises(openai.NotFoundError, lambda: ask("sim-smal"))
    assert error.code == "model_not_found" and error.param == "model", error.body
    assert "sim-small" in str(error), error


@test
def a_rate_limit_of_the_provider_is_a_rate_limit():
    error = raises(openai.RateLimitError, lambda: ask("sim-busy"))
    assert error.response.headers.get("retry-after"), error.response.headers


@test
def a_request_that_the_provider_rejects_is_a_bad_request():
    raises(openai.BadRequestError, lambda: ask("sim-rejects"))


@test
def a_provider_that_is_down_is_a_server_error():
    error = raises(openai.APIStatusError, lambda: ask("sim-down"))
    assert error.status_code >= 500, error


@test
def a_wrong_type_is_a_bad_request_that_names_the_parameter():
    error = raises(openai.BadRequestError, lambda: ask(messages="hello"))
    assert error.param == "messages" and error.type == "invalid_request_error", error.body


@test
def malformed_json_is_a_bad_request():
    request = urllib.request.Request(f"{GATEWAY}/v1/chat/completions", b'{"model": ', {"content-type": "application/json"})
    error = raises(urllib.error.HTTPError, lambda: urllib.request.urlopen(request))
    body = json.load(error)["error"]
    assert error.code == 400 and body["type"] == "invalid_request_error" and body["message"], body


@test
def models_are_listed_and_one_is_found():
    names = [model.id for model in client.models.list()]
    assert "sim-small" in names and "sim-claude" in names, names
    assert client.models.retrieve("sim-small").id == "sim-small"
    raises(openai.NotFoundError, lambda: client.models.retrieve("nothing"))


@test
def every_answer_has_a_request_id():
    assert ask()._request_id


@test
def a_stream_that_is_left_is_cancelled_at_the_provider():
    before = len(provider_bill()["cancelled"])
    stream = ask("sim-slow", stream=True)
    for _, _chunk in zip(range(3), stream):
        pass
    stream.close()
    eventually("the provider sees the end", lambda: len(provider_bill()["cancelled"]) > before)


@test
def a_stream_comes_piece_by_piece():
    started = time.monotonic()
    times = [time.monotonic() - started for _ in ask("sim-slow", stream=True)]
    assert times[1] < times[-1] / 4, times


def in_every_dialect(check):
    """The same check, once for a model of each dialect that a provider may speak."""

    def run_each():
        for model in EVERY_DIALECT:
            try:
                check(model)
            except Exception as error:
                raise AssertionError(f"{model}: {error}") from error

    run_each.__name__ = check.__name__
    return test(run_each)


@in_every_dialect
def every_dialect_answers_in_ours_whole_and_streamed(model):
    answer = ask(model, max_completion_tokens=200)
    assert answer.choices[0].message.content and answer.choices[0].finish_reason == "stop", answer
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens, answer.usage
    chunks = list(ask(model, stream=True, max_completion_tokens=200, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == answer.choices[0].message.content, text
    assert chunks[-1].usage.completion_tokens == answer.usage.completion_tokens, chunks[-1]


@in_every_dialect
def every_dialect_calls_our_tools_and_hears_their_results(model):
    first = ask(model, tools=[WEATHER], max_completion_tokens=200).choices[0]
    call = first.message.tool_calls[0]
    assert first.finish_reason == "tool_calls" and 1 <= json.loads(call.function.arguments)["days"] <= 7, first
    result = {"role": "tool", "tool_call_id": call.id, "content": "rain"}
    answer = ask(model, tools=[WEATHER], messages=[*QUESTION, first.message, result], max_completion_tokens=200)
    assert answer.choices[0].finish_reason == "stop" and answer.choices[0].message.content, answer
    streamed = ask(model, tools=[WEATHER], stream=True, max_completion_tokens=200)
    deltas = [chunk.choices[0].delta.tool_calls for chunk in streamed if chunk.choices and chunk.choices[0].delta.tool_calls]
    assert "".join(delta[0].function.arguments or "" for delta in deltas) == call.function.arguments, deltas


@in_every_dialect
def every_dialect_keeps_our_schema(model):
    value = json.loads(ask(model, response_format=TICKET, max_completion_tokens=200).choices[0].message.content)
    assert value["category"] in ("delivery", "billing", "other") and isinstance(value["urgent"], bool), value


@in_every_dialect
def every_dialect_sees_our_images_and_stops_at_our_limit(model):
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    message = {"role": "user", "content": [{"type": "text", "text": "What is on it?"}, image]}
    assert ask(model, messages=[message], max_completion_tokens=200).choices[0].message.content
    cut = ask(model, max_completion_tokens=2).choices[0]
    assert cut.finish_reason == "length", cut


@test
def the_asynchronous_client_works_too():
    import asyncio

    async def several():
        other = openai.AsyncOpenAI(base_url=f"{GATEWAY}/v1", api_key="unused", max_retries=0)
        calls = [other.chat.completions.create(model="sim-small", messages=QUESTION) for _ in range(20)]
        return await asyncio.gather(*calls)

    assert len({answer.choices[0].message.content for answer in asyncio.run(several())}) == 1


def respond(model="sim-small", **more):
    return client.responses.create(model=model, input=more.pop("input", "Where is my parcel?"), **more)


RESPONSES_WEATHER = {"type": "function", **WEATHER["function"]}
@test
def responses_say_the_same_whole_and_streamed_from_every_dialect():
    for model in EVERY_DIALECT:
        whole = respond(model, max_output_tokens=200)
        assert whole.status == "completed" and whole.output_text, whole
        assert whole.usage.total_tokens == whole.usage.input_tokens + whole.usage.output_tokens, whole.usage
        events = list(respond(model, max_output_tokens=200, stream=True))
        assert [event.sequence_number for event in events] == list(range(len(events))), events
        text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
        assert text == whole.output_text == events[-1].response.output_text, (model, text)


@test
def the_stream_helper_of_responses_puts_an_answer_together():
    for model in EVERY_DIALECT:
        with client.responses.stream(model=model, input="hello", max_output_tokens=200) as stream:
            for _event in stream:
                pass
            assert stream.get_final_response().output_text, model


@test
def responses_call_tools_and_go_on_by_an_id():
    for model in EVERY_DIALECT:
        first = respond(model, tools=[RESPONSES_WEATHER], max_output_tokens=200)
        call = next(item for item in first.output if item.type == "function_call")
        arguments = json.loads(call.arguments)
        assert call.name == "get_weather" and 1 <= arguments["days"] <= 7, call
        result = {"type": "function_call_output", "call_id": call.call_id, "output": "rain"}
        second = respond(model, input=[result], previous_response_id=first.id, tools=[RESPONSES_WEATHER], max_output_tokens=200)
        assert second.status == "completed" and second.output_text, (model, second)


@test
def responses_of_a_schema_are_parsed():
    from pydantic import BaseModel

    class Ticket(BaseModel):
        category: str
        urgent: bool

    for model in EVERY_DIALECT:
        answer = client.responses.parse(model=model, input="triage", text_format=Ticket, max_output_tokens=200)
        assert isinstance(answer.output_parsed, Ticket), (model, answer)


@test
def stored_responses_are_retrieved_listed_and_deleted():
    stored = respond()
    assert client.responses.retrieve(stored.id).output_text == stored.output_text
    assert len(client.responses.input_items.list(stored.id).data) == 1
    client.responses.delete(stored.id)
    raises(openai.NotFoundError, lambda: client.responses.retrieve(stored.id))
    raises(openai.NotFoundError, lambda: respond(previous_response_id=stored.id))


@test
def embeddings_are_passed_through():
    answer = client.embeddings.create(model="sim-small", input=["one", "two"], encoding_format="float")
    assert len(answer.data) == 2 and len(answer.data[0].embedding) == 8 and answer.usage.prompt_tokens > 0, answer


if __name__ == "__main__":
    run()
