// Responses to requests without a session: redirects for navigations and statuses for scripts.

import assert from "node:assert/strict";
import { test } from "node:test";

import { KeyRing } from "../src/index.js";
import { Bearer, Cookie, Denied, Sessions, localPath } from "../src/session/index.js";
import { askerOf } from "../src/session/asker.js";
import { withNext } from "../src/session/come-back.js";
import { account } from "./support.js";

function asker(headers: readonly (readonly [string, string])[]) {
  return askerOf((name) => headers.filter(([header]) => header === name).map(([, value]) => value));
}

const CHROME = [
  "accept",
  "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
] as const;

test("only navigations are navigations", () => {
  for (const headers of [
    [["sec-fetch-mode", "navigate"]],
    [
      ["sec-fetch-mode", "navigate"],
      ["x-requested-with", "com.example.app"],
    ],
    [CHROME],
    [
      ["accept", "application/json"],
      ["accept", "TEXT/HTML ;level=1"],
    ],
  ] as const) {
    assert.equal(asker(headers), "navigation");
  }
  for (const headers of [
    [],
    [["accept", "*/*"]],
    [["accept", "text/htmlx"]],
    [CHROME, ["x-requested-with", "XMLHttpRequest"]],
    [CHROME, ["hx-request", "false"]],
    [CHROME, ["sec-fetch-mode", "cors"]],
    [CHROME, ["sec-fetch-mode", ""]],
  ] as const) {
    assert.equal(asker(headers), "script");
  }
  assert.equal(asker([["hx-request", "true"]]), "htmx");
});

test("only a path on this site is a local path", () => {
  for (const path of [
    "/",
    "/transfer?to=alan",
    "/a%20b#c",
    "/~a;b=c,d:e@f[g]{h}|i^j",
    "/?u=//x",
    "/a?b=%5c",
  ]) {
    assert.equal(localPath(path), path);
  }
  for (const text of [
    "",
    "a",
    "//evil.example",
    "/\\evil.example",
    "/%5cevil.example",
    "/%2Fevil.example",
    "/..//evil.example",
    "https://evil.example",
    "/a\tb",
    "/a\n",
    "/%0a",
    "/%7F",
    "/é",
    '/"',
    "/<",
    "/>",
    "/`",
    "/ ",
    null,
    undefined,
  ]) {
    assert.equal(localPath(text), undefined, String(text));
  }
});

test("the path to come back to is added to a page of this site", () => {
  for (const [page, path, expected] of [
    ["/sign-in", "/transfer?to=alan", "/sign-in?next=/transfer%3Fto%3Dalan"],
    ["/sign-in?", "/a", "/sign-in?next=/a"],
    ["/sign-in?lang=de#top", "/a", "/sign-in?lang=de&next=/a#top"],
    ["/sign-in?next=/b", "/a", "/sign-in?next=/b"],
    ["https://id.example/", "/a", "https://id.example/"],
    ["/sign-in", `/${"a".repeat(2047)}`, `/sign-in?next=/${"a".repeat(2047)}`],
    ["/sign-in", `/${"a".repeat(2048)}`, "/sign-in"],
  ] as const) {
    assert.equal(withNext(page, path), expected);
  }
});

test("a guard redirects navigations and answers scripts with 401", async () => {
  const sessions = new Sessions({
    ring: KeyRing.generate(),
    payload: account,
    cookie: new Cookie(),
    bearer: new Bearer(),
    signInPage: "/sign-in",
    stepUpPage: "/step-up",
  });
  const denied = (headers: Record<string, string>, method = "GET") => {
    const values = (name: string) => (headers[name] === undefined ? [] : [headers[name]]);
    const session = sessions.load({ method, values, target: "/transfer?to=alan" });
    try {
      session.require();
    } catch (error) {
      if (error instanceof Denied) return error;
    }
    throw new Error("there is a session");
  };
  const of = ({ status, headers: { "cache-control": _, ...headers } }: Denied) => [status, headers];
  const next = "/sign-in?next=/transfer%3Fto%3Dalan";
  assert.deepEqual(of(denied({ "sec-fetch-mode": "navigate" })), [303, { location: next }]);
  assert.deepEqual(of(denied({ "sec-fetch-mode": "navigate" }, "POST")), [
    303,
    { location: "/sign-in" },
  ]);
  assert.deepEqual(of(denied({ "sec-fetch-mode": "cors" })), [401, {}]);
  const htmx = { "hx-request": "true", "hx-current-url": "https://bank.example/form" };
  assert.deepEqual(of(denied(htmx, "POST")), [401, { "hx-redirect": "/sign-in?next=/form" }]);
  assert.deepEqual(of(denied({ authorization: "Bearer x" })), [
    401,
    { "www-authenticate": "Bearer" },
  ]);
  const response = denied({ "sec-fetch-mode": "navigate" }).getResponse();
  assert.equal(response.status, 303);
  assert.equal(response.headers.get("location"), next);
  assert.equal(response.headers.get("cache-control"), "no-store");
  assert.equal(await response.text(), "Sign in first.");
  assert.equal(Denied.forbidden().status, 403);
  assert.throws(
    () => new Sessions({ ring: KeyRing.generate(), payload: account, signInPage: "" }),
    TypeError,
  );
});
