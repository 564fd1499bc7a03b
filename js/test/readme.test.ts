// The examples of the README have the types that the package has.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import ts from "typescript";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
// The examples are inside the package, so that they find it by its name.
const EXAMPLES = `${ROOT}build/readme/`;

test("the examples of the README compile", () => {
  const readme = readFileSync(`${ROOT}README.md`, "utf8");
  const examples = [...readme.matchAll(/^```ts\n([^]*?)^```$/gm)].map((found) => found[1] ?? "");
  assert.ok(examples.length >= 6);
  rmSync(EXAMPLES, { recursive: true, force: true });
  mkdirSync(EXAMPLES, { recursive: true });
  const files = examples.map((example, index) => {
    const file = `${EXAMPLES}example-${index + 1}.ts`;
    writeFileSync(file, example);
    return file;
  });
  const program = ts.createProgram(files, {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    lib: ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
    types: ["node"],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: true,
    noEmit: true,
  });
  const faults = ts.getPreEmitDiagnostics(program).map((fault) => {
    const at = fault.file?.fileName.slice(EXAMPLES.length) ?? "";
    return `${at}: ${ts.flattenDiagnosticMessageText(fault.messageText, "\n")}`;
  });
  assert.deepEqual(faults, []);
});
