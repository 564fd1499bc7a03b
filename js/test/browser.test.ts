// Chromium reads a signed token without a key. The test is skipped where there is no Chromium; set
// CHROMIUM to its path if it has another name.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

import { KeyRing, Signer, json, payload } from "../src/index.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

const chromium = [process.env["CHROMIUM"], "chromium", "chromium-browser", "google-chrome"].find(
  (name) => name !== undefined && spawnSync(name, ["--version"]).status === 0,
);

const PAGE = `
  import { OpenError, json, payload, readUnverified } from ${JSON.stringify(`${ROOT}dist/verify.js`)};
  const Profile = payload({ purpose: "shop.example/profile", encoding: json() });
  const shown = readUnverified(document.body.dataset.token, Profile);
  const codes = ["", "s1.", "s1.!", "b1.AAAA"].map((text) => {
    try {
      readUnverified(text, Profile);
    } catch (error) {
      return error instanceof OpenError ? error.code : String(error);
    }
  });
  document.title = [shown.unverifiedPayload.name, shown.unverifiedExpiresAt, ...codes].join("|");
`;

test("a page in Chromium reads a signed token without a key", { skip: !chromium }, async () => {
  const Profile = payload({ purpose: "shop.example/profile", encoding: json<{ name: string }>() });
  const profiles = new Signer({ ring: KeyRing.generate(), payload: Profile, lifetime: 60 });
  const token = profiles.sign({ name: "Ada 😀" }, { now: 1_796_126_400 });
  const { outputFiles } = await build({
    stdin: { contents: PAGE, resolveDir: ROOT },
    bundle: true,
    minify: true,
    platform: "browser",
    write: false,
  });
  const script = outputFiles[0]?.text ?? "";
  const folder = mkdtempSync(join(tmpdir(), "bulla-"));
  try {
    const page = join(folder, "page.html");
    const body = `<body data-token="${token}"><script>${script}</script>`;
    writeFileSync(page, `<!doctype html><meta charset="utf-8"><title></title>${body}`);
    const options = ["--headless", "--no-sandbox", "--disable-gpu", `--user-data-dir=${folder}`];
    const run = spawnSync(chromium ?? "", [...options, "--dump-dom", `file://${page}`], {
      encoding: "utf8",
      timeout: 60_000,
    });
    const title = /<title>([^]*?)<\/title>/.exec(run.stdout)?.[1];
    assert.equal(title, "Ada 😀|1796126460|prefix|too-short|encoding|prefix", run.stderr);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
});
