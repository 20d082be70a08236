// The console in a real browser: every page with and without script, at the width of a desk and of a phone. Pictures are
// kept to be looked at. A page must load without an error, without a request to another host, and without sideways scrolling.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";

const { chromium } = createRequire(`${process.env.NODE_PACKAGES}/`)("playwright-core");
const gateway = process.env.STEERSMAN_URL;

// A name that a model's user could have chosen, to see that pages show it and do not run it.
const HOSTILE = `<script>document.title = "run"</script><img src=x onerror="document.title='run'">`;

async function ask(model, content, more = {}) {
  const answer = await fetch(`${gateway}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-steersman-task": "triage" },
    body: JSON.stringify({ model, messages: [{ role: "user", content }], ...more }),
  });
  await answer.text();
  return answer.headers.get("x-request-id");
}

/** Requests of every kind, so that there is something to see. Gives the id of one for each. */
async function fill() {
  const tool = { type: "function", function: { name: "get_weather", parameters: { type: "object", properties: { city: { type: "string" } } } } };
  const schema = { type: "object", properties: { urgent: { type: "boolean" } }, required: ["urgent"], additionalProperties: false };
  const ids = {
    plain: await ask("sim-small", "Where is my parcel?"),
    hostile: await ask("sim-echo", HOSTILE),
    stream: await ask("sim-small", "Tell me more.", { stream: true }),
    tool: await ask("sim-parallel", "How is the weather?", { tools: [tool] }),
    schema: await ask("sim-small", "Is it urgent?", { response_format: { type: "json_schema", json_schema: { name: "ticket", strict: true, schema } } }),
    other: await ask("sim-claude", "In another dialect?", { max_completion_tokens: 100 }),
    refused: await ask("sim-refuses", "Do something bad."),
    busy: await ask("sim-busy", "Are you there?"),
    long: await ask("sim-echo", "word ".repeat(5_000)),
  };
  for (let i = 0; i < 120; i += 1) await ask("sim-small", `Question ${i}`);
  return ids;
}

/** Waits until the page shows what was recorded: records are written in batches. */
async function recorded(page, id) {
  const end = Date.now() + 10_000;
  while ((await page.goto(`${gateway}/console/requests/${id}`)).status() !== 200) {
    assert.ok(Date.now() < end, `the request ${id} was never recorded`);
    await page.waitForTimeout(50);
  }
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
const ids = await fill();
const results = [];

async function check(sentence, run) {
  try {
    await run();
    results.push(true);
    console.log(`  ok      ${sentence}`);
  } catch (error) {
    results.push(false);
    console.log(`  FAILED  ${sentence}\n${error.stack}`);
  }
}

/** A context whose pages note every error and every request that leaves the gateway. */
async function opened(options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const trouble = [];
  page.on("pageerror", (error) => trouble.push(`error: ${error.message}`));
  page.on("console", (message) => message.type() === "error" && trouble.push(`console: ${message.text()}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(gateway) && !request.url().startsWith("data:")) trouble.push(`left: ${request.url()}`);
  });
  return { context, page, trouble };
}

const PAGES = {
  overview: "/console",
  "overview-day": "/console?span=24h",
  requests: "/console/requests",
  "requests-filtered": "/console/requests?model=sim-small&outcome=accepted",
  "requests-none": "/console/requests?model=no-such-model",
  tasks: "/console/tasks",
  guard: "/console/guard",
  objectives: "/console/objectives",
  effects: "/console/effects",
  structured: "/console/structured",
  cache: "/console/cache",
  load: "/console/load",
  keys: "/console/keys",
  plain: `/console/requests/${ids.plain}`,
  stream: `/console/requests/${ids.stream}`,
  tool: `/console/requests/${ids.tool}`,
  schema: `/console/requests/${ids.schema}`,
  other: `/console/requests/${ids.other}`,
  refused: `/console/requests/${ids.refused}`,
  busy: `/console/requests/${ids.busy}`,
  long: `/console/requests/${ids.long}`,
  hostile: `/console/requests/${ids.hostile}`,
};
const VIEWS = [
  { name: "desk", viewport: { width: 1280, height: 800 }, javaScriptEnabled: true },
  { name: "desk-no-script", viewport: { width: 1280, height: 800 }, javaScriptEnabled: false },
  { name: "desk-dark", viewport: { width: 1280, height: 800 }, javaScriptEnabled: true, colorScheme: "dark" },
  { name: "phone", viewport: { width: 390, height: 844 }, javaScriptEnabled: true },
];

for (const { name, ...options } of VIEWS) {
  const { context, page, trouble } = await opened(options);
  await recorded(page, ids.long);
  trouble.length = 0;
  for (const [label, path] of Object.entries(PAGES)) {
    await check(`${label} opens at the ${name}`, async () => {
      const answer = await page.goto(gateway + path);
      assert.equal(answer.status(), 200, path);
      assert.ok((await page.title()).length > 0 && (await page.title()) !== "run");
      assert.ok(await page.locator("h1").first().isVisible(), "no heading");
      await page.screenshot({ path: join(process.env.PICTURES, `${label}-${name}.png`), fullPage: label !== "long" });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(wide <= 0, `${wide} pixels wider than the window`);
      assert.deepEqual(trouble.splice(0), []);
    });
  }
  await context.close();
}

const { context, page } = await opened({ viewport: { width: 1280, height: 800 }, javaScriptEnabled: false });

await check("the list's filters stand in the address and narrow the list", async () => {
  await page.goto(`${gateway}/console/requests?model=sim-busy`);
  const text = await page.locator("main").innerText();
  assert.ok(text.includes("sim-busy") && text.includes("rate_limited"), text);
  assert.ok(!(await page.locator("main table").innerText()).includes("sim-parallel"));
});

await check("the list leads to a request and back, without script", async () => {
  await page.goto(`${gateway}/console/requests`);
  await page.locator("main table a").first().click();
  assert.match(page.url(), /\/console\/requests\/[^?]+$/);
  await page.goBack();
  assert.match(page.url(), /\/console\/requests$/);
});

await check("older requests are a page further", async () => {
  await page.goto(`${gateway}/console/requests`);
  await page.locator("a[href*='before=']").first().click();
  assert.match(page.url(), /before=/);
  assert.ok((await page.locator("main table a").count()) > 0);
});

await check("a request tells tokens, cost and what was said", async () => {
  await page.goto(`${gateway}/console/requests/${ids.plain}`);
  const text = await page.locator("main").innerText();
  assert.ok(text.includes("Where is my parcel?"), text);
  assert.ok(text.includes("$"), "no cost");
  assert.ok(text.includes("curl"), "no curl");
});

await check("what a user wrote is shown and never run", async () => {
  await page.goto(`${gateway}/console/requests/${ids.hostile}`);
  assert.ok((await page.locator("main").innerText()).includes("onerror"));
  assert.equal(await page.locator("main img, main script").count(), 0);
});

await check("an unknown request is not found, in words", async () => {
  const answer = await page.goto(`${gateway}/console/requests/nothing`);
  assert.equal(answer.status(), 404);
  assert.ok((await page.locator("body").innerText()).length > 20);
});

await context.close();
await browser.close();
const failed = results.filter((ok) => !ok).length;
console.log(`${results.length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
