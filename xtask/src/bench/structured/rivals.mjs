// Answers a set with jsonrepair, a line of JSON for each case, and prints the processor time it took.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const [folder, path, out] = process.argv.slice(2);
const { jsonrepair } = createRequire(`${folder}/node_modules/`)("jsonrepair");
const cases = readFileSync(path, "utf8").trimEnd().split("\n").map((line) => JSON.parse(line));
const start = process.cpuUsage();
const answers = cases.map(({ id, input }) => {
  try {
    return { id, text: jsonrepair(input) };
  } catch (error) {
    return { id, error: String(error).slice(0, 200) };
  }
});
const spent = process.cpuUsage(start);
const line = ({ id, text, error }) => {
  if (text === undefined) return JSON.stringify({ id, error });
  try {
    const written = JSON.stringify({ id, value: JSON.parse(text) });
    // Half of a surrogate pair is no text: it is what an escape of one is written for.
    if (/(^|[^\\])(\\\\)*\\ud[89a-f]/.test(written)) throw new Error("no text");
    return written;
  } catch {
    return JSON.stringify({ id, error: "no JSON" });
  }
};
writeFileSync(out, answers.map(line).join("\n") + "\n");
console.log(JSON.stringify({ us_a_document: (spent.user + spent.system) / Math.max(cases.length, 1) }));
