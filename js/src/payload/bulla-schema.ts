#!/usr/bin/env node
// The command `bulla-schema`: reads a schema document, and prints TypeScript source.

import { readFile } from "node:fs/promises";
import process from "node:process";

import { generate } from "./generate.js";

const USAGE = `usage: bulla-schema FILE

Reads the schema document that bulla::schema::json of the Rust crate bulla prints, and prints
TypeScript types and the payload for them. FILE is - for the standard input.
`;

async function read(path: string): Promise<string> {
  if (path !== "-") return readFile(path, "utf8");
  let text = "";
  process.stdin.setEncoding("utf8");
  for await (const part of process.stdin) text += String(part);
  return text;
}

async function run(path: string): Promise<void> {
  const document: unknown = JSON.parse(await read(path));
  if (typeof document !== "object" || document === null) {
    throw new TypeError("a schema document is a JSON object");
  }
  process.stdout.write(generate(document));
}

const [path, ...others] = process.argv.slice(2);
if (path === "--help" || path === "-h") {
  process.stdout.write(USAGE);
} else if (path === undefined || others.length > 0 || (path.startsWith("-") && path !== "-")) {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else {
  run(path).catch((error: unknown) => {
    process.stderr.write(`bulla-schema: ${error instanceof Error ? error.message : "failed"}\n`);
    process.exitCode = 1;
  });
}
