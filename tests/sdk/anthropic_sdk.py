"""The official Anthropic SDK for Python, unchanged but for its `base_url`, against the gateway."""

import anthropic
from check import GATEWAY, raises, run, test

client = anthropic.Anthropic(base_url=GATEWAY, api_key="unused", max_retries=0)

QUESTION = [{"role": "user", "content": "Where is my parcel?"}]
EVERY_DIALECT = ["sim-claude", "sim-small", "sim-responses", "sim-gemini", "sim-bedrock", "sim-vertex", "sim-vertex-claude"]
WEATHER = {
    "name": "get_weather",
    "description": "The weather of a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def ask(model="sim-claude", **more):
    return client.messages.create(model=model, max_tokens=200, messages=more.pop("messages", QUESTION), **more)


@test
def an_answer_has_text_a_reason_and_usage():
    answer = ask(system="Be brief.")
    assert answer.content[0].type == "text" and answer.content[0].text, answer
    assert answer.stop_reason == "end_turn" and answer.role == "assistant", answer
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0, answer.usage


@test
def a_stream_gives_the_same_text_as_the_whole_answer():
    with client.messages.stream(model="sim-claude", max_tokens=200, messages=QUESTION) as stream:
        text = "".join(stream.text_stream)
        last = stream.get_final_message()
    assert text == ask().content[0].text, text
    assert last.stop_reason == "end_turn" and last.usage.output_tokens > 0, last


@test
def a_tool_is_called_and_its_result_is_heard():
    first = ask(tools=[WEATHER])
    call = next(block for block in first.content if block.type == "tool_use")
    assert first.stop_reason == "tool_use" and isinstance(call.input["city"], str), first
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "rain"}
    messages = [*QUESTION, {"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    assert ask(tools=[WEATHER], messages=messages).stop_reason == "end_turn"


@test
def an_unknown_model_is_not_found():
    error = raises(anthropic.NotFoundError, lambda: ask("sim-clod"))
    assert error.body["type"] == "error" and error.body["error"]["type"] == "not_found_error", error.body


@test
def a_missing_limit_is_a_bad_request():
    raises(anthropic.BadRequestError, lambda: client.post("/v1/messages", body={"model": "sim-claude"}, cast_to=object))


@test
def every_dialect_answers_in_ours_whole_and_streamed():
    for model in EVERY_DIALECT:
        answer = ask(model)
        assert answer.content[0].text and answer.stop_reason == "end_turn", (model, answer)
        with client.messages.stream(model=model, max_tokens=200, messages=QUESTION) as stream:
            assert "".join(stream.text_stream) == answer.content[0].text, model
            last = stream.get_final_message()
        assert last.usage.output_tokens == answer.usage.output_tokens, (model, last.usage)


@test
def every_dialect_calls_our_tools_and_hears_their_results():
    for model in EVERY_DIALECT:
        first = ask(model, tools=[WEATHER])
        call = first.content[-1]
        assert first.stop_reason == "tool_use" and isinstance(call.input["city"], str), (model, first)
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "rain"}
        messages = [*QUESTION, {"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
        second = ask(model, tools=[WEATHER], messages=messages)
        assert second.stop_reason == "end_turn" and second.content[0].text, (model, second)
        with client.messages.stream(model=model, max_tokens=200, messages=QUESTION, tools=[WEATHER]) as stream:
            assert stream.get_final_message().content[-1].input == call.input, model


@test
def every_dialect_stops_at_our_limit():
    for model in EVERY_DIALECT:
        cut = client.messages.create(model=model, max_tokens=2, messages=QUESTION)
        assert cut.stop_reason == "max_tokens", (model, cut)


@test
def tokens_are_counted_and_models_listed_in_our_form():
    assert client.messages.count_tokens(model="sim-claude", messages=QUESTION).input_tokens > 0
    raises(anthropic.BadRequestError, lambda: client.messages.count_tokens(model="sim-small", messages=QUESTION))
    models = client.models.list()
    assert "sim-claude" in [model.id for model in models.data] and models.data[0].type == "model", models
    assert client.models.retrieve("sim-claude").id == "sim-claude"


@test
def a_rate_limit_of_the_provider_is_a_rate_limit():
    raises(anthropic.RateLimitError, lambda: ask("sim-busy"))


if __name__ == "__main__":
    run()
