// What npm publishes, and how large it is in a browser.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { build } from "esbuild";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

interface Manifest {
  readonly exports: Readonly<Record<string, string | { types: string; default: string }>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(readFileSync(`${ROOT}package.json`, "utf8")) as Manifest;

test("the package has the built files, the README and the licences", () => {
  const run = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: ROOT,
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  // npm 11 prints a list, and later releases an object with the names of the packages.
  const printed = Object.values(JSON.parse(run) as object) as { files: { path: string }[] }[];
  const paths = printed.flatMap((packed) => packed.files.map((file) => file.path));
  const built = paths.filter((path) => /^dist\/[a-z0-9/_-]+\.(js|d\.ts)$/.test(path));
  const others = paths.filter((path) => !built.includes(path)).sort();
  assert.deepEqual(others, ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "package.json"]);
  for (const entry of Object.values(manifest.exports)) {
    if (typeof entry === "string") continue;
    for (const path of [entry.types, entry.default]) assert.ok(built.includes(path.slice(2)), path);
  }
});

test("the licences are those of the repository", () => {
  for (const name of ["LICENSE-MIT", "LICENSE-APACHE"]) {
    assert.equal(readFileSync(`${ROOT}${name}`, "utf8"), readFileSync(`${ROOT}../${name}`, "utf8"));
  }
});

test("the package depends on @noble/ciphers and @noble/hashes only", () => {
  assert.deepEqual(Object.keys(manifest.dependencies), ["@noble/ciphers", "@noble/hashes"]);
});

test("the lock file names no registry", () => {
  assert.ok(!readFileSync(`${ROOT}package-lock.json`, "utf8").includes('"resolved"'));
});

/** The bytes of a program for browsers, minified and compressed. */
async function size(program: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents: program, resolveDir: ROOT },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    write: false,
  });
  const [file] = outputFiles;
  assert.ok(file);
  return gzipSync(file.contents, { level: 9 }).length;
}

test("bulla/verify is below 15 kB in a browser", async (context) => {
  const entry = JSON.stringify(`${ROOT}dist/verify.js`);
  const whole = await size(`export * from ${entry};`);
  const reading = await size(
    `import { json, payload, readUnverified } from ${entry};
     const Profile = payload({ purpose: "shop.example/profile", encoding: json() });
     console.log(readUnverified(document.cookie, Profile));`,
  );
  context.diagnostic(`bulla/verify: ${whole} bytes minified and compressed`);
  context.diagnostic(`only readUnverified: ${reading} bytes minified and compressed`);
  assert.ok(whole < 15_000, `${whole} bytes`);
  assert.ok(reading < 5_000, `${reading} bytes`);
});

test("bulla/verify contains no cipher", async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: `export * from ${JSON.stringify(`${ROOT}dist/verify.js`)};`,
      resolveDir: ROOT,
    },
    bundle: true,
    write: false,
    format: "esm",
  });
  const [file] = outputFiles;
  assert.ok(file);
  assert.ok(!/poly1305/i.test(file.text.replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, "")));
});
