// Answers requests on standard input, one JSON value per line, so that the program bulla-cross can
// compare this package with the other implementations. An object is a request of the table, and a
// list is an input of the fuzzer.

import { createInterface } from "node:readline";

import { inputsOf } from "./inputs.js";
import { make, open } from "./tokens.js";
import { visit } from "./visit.js";

type Request = Readonly<Record<string, unknown>>;

let judgeInput: ((input: readonly unknown[]) => string) | undefined;

function answer(request: Request): unknown {
  switch (request["do"]) {
    case "make":
      return make(request as unknown as Parameters<typeof make>[0]);
    case "open":
      return open(request as unknown as Parameters<typeof open>[0]);
    case "visit":
      return visit(request as unknown as Parameters<typeof visit>[0]);
    case "inputs":
      judgeInput = inputsOf(String(request["ring"]));
      return {};
    default:
      throw new TypeError("an unknown request");
  }
}

function answerLine(line: string): string {
  const request: unknown = JSON.parse(line);
  if (Array.isArray(request)) return judgeInput?.(request) ?? "there is no ring";
  try {
    return JSON.stringify(answer(request as Request));
  } catch (error) {
    return JSON.stringify({ error: String(error) });
  }
}

// Many answers are written at once, because each write is a call of the operating system.
let answers: string[] = [];

function flush(): void {
  if (answers.length > 0) process.stdout.write(`${answers.join("\n")}\n`);
  answers = [];
}

createInterface({ input: process.stdin }).on("line", (line) => {
  if (answers.length === 0) setImmediate(flush);
  answers.push(answerLine(line));
});
