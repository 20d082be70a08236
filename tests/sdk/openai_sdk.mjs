// The official OpenAI SDK for Node, unchanged but for its `baseURL`, against the gateway.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const { default: OpenAI } = createRequire(`${process.env.NODE_PACKAGES}/`)("openai");
const provider = process.env.PROVIDER_URL;
const client = new OpenAI({ baseURL: `${process.env.STEERSMAN_URL}/v1`, apiKey: "unused", maxRetries: 0 });

const messages = [{ role: "user", content: "Where is my parcel?" }];
const weather = {
  type: "function",
  function: {
    name: "get_weather",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};
const ask = (more = {}) => client.chat.completions.create({ model: "sim-small", messages, ...more });

const everyDialect = [
  "sim-small", "sim-claude", "sim-responses", "sim-gemini", "sim-bedrock", "sim-vertex", "sim-vertex-claude",
];
const respond = (more = {}) => client.responses.create({ input: "Where is my parcel?", max_output_tokens: 200, ...more });

async function textOf(stream) {
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? "";
  return text;
}

const tests = {
  "an answer has text, a reason and usage": async () => {
    const answer = await ask();
    assert.ok(answer.choices[0].message.content);
    assert.equal(answer.choices[0].finish_reason, "stop");
    assert.ok(answer.usage.total_tokens > 0);
  },
  "a stream gives the same text as the whole answer": async () => {
    const whole = await ask();
    assert.equal(await textOf(await ask({ stream: true })), whole.choices[0].message.content);
  },
  "a stream has usage when it is asked for": async () => {
    let last;
    for await (const chunk of await ask({ stream: true, stream_options: { include_usage: true } })) last = chunk;
    assert.ok(last.usage.completion_tokens > 0);
  },
  "tools are called": async () => {
    const { choices } = await ask({ tools: [weather] });
    assert.equal(choices[0].finish_reason, "tool_calls");
    assert.equal(typeof JSON.parse(choices[0].message.tool_calls[0].function.arguments).city, "string");
  },
  "the helper for streams collects tool calls": async () => {
    const other = { type: "function", function: { name: "get_time", parameters: { type: "object", properties: {} } } };
    const runner = client.chat.completions.stream({ model: "sim-parallel", messages, tools: [weather, other] });
    const last = await runner.finalChatCompletion();
    assert.deepEqual(last.choices[0].message.tool_calls.map((call) => call.function.name), ["get_weather", "get_time"]);
  },
  "a schema gives a value of its form": async () => {
    const schema = {
      type: "object",
      properties: { urgent: { type: "boolean" } },
      required: ["urgent"],
      additionalProperties: false,
    };
    const format = { type: "json_schema", json_schema: { name: "ticket", strict: true, schema } };
    const answer = await ask({ response_format: format });
    assert.equal(typeof JSON.parse(answer.choices[0].message.content).urgent, "boolean");
  },
  "every dialect answers in ours, whole and streamed": async () => {
    for (const model of everyDialect) {
      const whole = (await ask({ model, max_completion_tokens: 200 })).choices[0];
      assert.ok(whole.message.content && whole.finish_reason === "stop", model);
      assert.equal(await textOf(await ask({ model, max_completion_tokens: 200, stream: true })), whole.message.content, model);
    }
  },
  "every dialect calls our tools and hears their results": async () => {
    for (const model of everyDialect) {
      const first = (await ask({ model, tools: [weather], max_completion_tokens: 200 })).choices[0].message;
      const result = { role: "tool", tool_call_id: first.tool_calls[0].id, content: "rain" };
      const second = await ask({ model, tools: [weather], messages: [...messages, first, result], max_completion_tokens: 200 });
      assert.equal(second.choices[0].finish_reason, "stop", model);
    }
  },
  "responses say the same whole and streamed from every dialect": async () => {
    for (const model of everyDialect) {
      const whole = await respond({ model });
      assert.equal(whole.status, "completed", model);
      let text = "";
      let last;
      for await (const event of await respond({ model, stream: true })) {
        if (event.type === "response.output_text.delta") text += event.delta;
        last = event;
      }
      assert.equal(last.type, "response.completed", model);
      assert.equal(text, whole.output_text, model);
      assert.equal(last.response.usage.output_tokens, whole.usage.output_tokens, model);
    }
  },
  "the helper for streams puts a response together": async () => {
    const stream = client.responses.stream({ model: "sim-gemini", input: "hello", max_output_tokens: 200 });
    assert.ok((await stream.finalResponse()).output_text);
  },
  "responses call tools and go on by an id": async () => {
    for (const model of everyDialect) {
      const tools = [{ type: "function", strict: false, ...weather.function }];
      const first = await respond({ model, tools });
      const call = first.output.find((item) => item.type === "function_call");
      assert.equal(typeof JSON.parse(call.arguments).city, "string", model);
      const input = [{ type: "function_call_output", call_id: call.call_id, output: "rain" }];
      const second = await respond({ model, tools, input, previous_response_id: first.id });
      assert.ok(second.output_text, model);
    }
  },
  "stored responses are retrieved and deleted": async () => {
    const stored = await respond({ model: "sim-small" });
    assert.equal((await client.responses.retrieve(stored.id)).output_text, stored.output_text);
    await client.responses.delete(stored.id);
    await assert.rejects(client.responses.retrieve(stored.id), OpenAI.NotFoundError);
  },
  "errors are of their kinds": async () => {
    await assert.rejects(ask({ model: "sim-smal" }), OpenAI.NotFoundError);
    await assert.rejects(ask({ model: "sim-busy" }), OpenAI.RateLimitError);
    await assert.rejects(ask({ messages: "hello" }), OpenAI.BadRequestError);
  },
  "models are listed": async () => {
    const names = [];
    for await (const model of client.models.list()) names.push(model.id);
    assert.ok(names.includes("sim-small"));
  },
  "a stream that is left is cancelled at the provider": async () => {
    const bill = async () => (await (await fetch(`${provider}/sim/bill`)).json()).cancelled.length;
    const before = await bill();
    const stream = await ask({ model: "sim-slow", stream: true });
    let pieces = 0;
    for await (const _ of stream) if (++pieces === 3) break;
    const end = Date.now() + 10_000;
    while ((await bill()) === before) {
      assert.ok(Date.now() < end, "the provider never saw the end");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  },
};

let failed = 0;
for (const [sentence, run] of Object.entries(tests)) {
  try {
    await run();
    console.log(`  ok      ${sentence}`);
  } catch (error) {
    failed += 1;
    console.log(`  FAILED  ${sentence}\n${error.stack}`);
  }
}
console.log(`${Object.keys(tests).length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
