"""The official Google Gen AI SDK for Python, unchanged but for its base address, against the gateway."""

from check import GATEWAY, raises, run, test
from google import genai
from google.genai import errors, types

client = genai.Client(api_key="unused", http_options=types.HttpOptions(base_url=GATEWAY))

EVERY_DIALECT = ["sim-gemini", "sim-small", "sim-claude", "sim-responses", "sim-bedrock", "sim-vertex", "sim-vertex-claude"]
QUESTION = "Where is my parcel?"
WEATHER = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="get_weather",
            description="The weather of a city.",
            parameters_json_schema={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        )
    ]
)
MANUAL = types.AutomaticFunctionCallingConfig(disable=True)


def ask(model="sim-gemini", contents=QUESTION, **config):
    config.setdefault("max_output_tokens", 200)
    config = types.GenerateContentConfig(automatic_function_calling=MANUAL, **config)
    return client.models.generate_content(model=model, contents=contents, config=config)


@test
def an_answer_has_text_a_reason_and_usage():
    answer = ask(system_instruction="Be brief.")
    assert answer.text and answer.candidates[0].finish_reason == types.FinishReason.STOP, answer
    usage = answer.usage_metadata
    assert usage.prompt_token_count > 0 and usage.candidates_token_count > 0, usage


@test
def every_dialect_answers_in_ours_whole_and_streamed():
    for model in EVERY_DIALECT:
        whole = ask(model)
        config = types.GenerateContentConfig(max_output_tokens=200)
        chunks = list(client.models.generate_content_stream(model=model, contents=QUESTION, config=config))
        assert "".join(chunk.text or "" for chunk in chunks) == whole.text, (model, chunks)
        assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP, (model, chunks[-1])
        assert chunks[-1].usage_metadata.candidates_token_count == whole.usage_metadata.candidates_token_count, model


@test
def every_dialect_calls_our_tools_and_hears_their_results():
    for model in EVERY_DIALECT:
        first = ask(model, tools=[WEATHER])
        call = first.function_calls[0]
        assert call.name == "get_weather" and isinstance(call.args["city"], str), (model, first)
        response = types.Part.from_function_response(name=call.name, response={"output": "rain"})
        contents = [types.UserContent(QUESTION), first.candidates[0].content, types.UserContent(response)]
        assert ask(model, contents, tools=[WEATHER]).text, model


@test
def every_dialect_keeps_our_schema():
    schema = {"type": "object", "properties": {"urgent": {"type": "boolean"}}, "required": ["urgent"]}
    for model in EVERY_DIALECT:
        answer = ask(model, response_mime_type="application/json", response_json_schema=schema)
        assert isinstance(answer.parsed["urgent"], bool), (model, answer)


@test
def models_are_listed_page_by_page_and_one_is_found():
    names = [model.name for model in client.models.list()]
    assert "models/sim-gemini" in names and "models/sim-small" in names, names
    assert [model.name for model in client.models.list(config={"page_size": 2})] == names
    one = client.models.get(model="sim-small")
    assert one.name == "models/sim-small" and "generateContent" in one.supported_actions, one
    error = raises(errors.ClientError, lambda: client.models.get(model="sim-gemin"))
    assert error.code == 404 and "sim-gemini" in error.message, error


@test
def an_unknown_model_is_not_found():
    error = raises(errors.ClientError, lambda: ask("sim-gemin"))
    assert error.code == 404 and error.status == "NOT_FOUND" and "sim-gemini" in error.message, error


@test
def a_rate_limit_of_the_provider_is_a_rate_limit():
    error = raises(errors.ClientError, lambda: ask("sim-busy"))
    assert error.code == 429 and error.status == "RESOURCE_EXHAUSTED", error


if __name__ == "__main__":
    run()
