// Sessions in headers that are bound to a key, with a client that has one (DPoP, RFC 9449).

import assert from "node:assert/strict";
import { test } from "node:test";

import { Bearer, Sessions, UsedHere } from "../src/session/index.js";
import type { Session } from "../src/session/index.js";
import {
  ASKED,
  ASKS,
  DeviceKey,
  HERE,
  MINUTE,
  NO_TOKEN,
  OVER,
  Phone,
  WRONG,
  build,
  deniedBy,
  deniedOf,
  hashOf,
  names,
  refusedIn,
  withOtherSignature,
} from "./phone.js";
import type { Sent } from "./phone.js";
import { T0, account, ada, alan, browser, codeOf, keyText, ring, statusOf } from "./support.js";
import type { Account } from "./support.js";

test("a session is bound when it starts, and goes on with proofs", async () => {
  const { sessions } = build();
  const phone = await Phone.bound(sessions, T0);
  assert.ok(phone.challenge);

  // No proof is needed while the last one counts.
  const session = await phone.get().load(sessions, T0 + 10 * MINUTE - 1);
  assert.equal(session.data?.id, ada().id);
  assert.equal(session.info?.bound, true);
  assert.equal(session.info?.proofExpiresAt, T0 + 10 * MINUTE);
  assert.ok(!names(phone.copy().receive(session)).includes("dpop-nonce"));

  // Then one is due. The response has a challenge, and the tokens stay.
  const due = T0 + 10 * MINUTE;
  const asked = await phone.get().load(sessions, due);
  assert.equal(statusOf(asked), "proof-due");
  assert.deepEqual(deniedOf(asked), [401, ASKS]);
  assert.deepEqual(names(phone.receive(asked)), ASKED);

  // With the proof, the session goes on, and the renewal token records the proof.
  const before = phone.renewal;
  const request = await phone.proving("GET", "/balance", due);
  await phone.visit(sessions, due, request, (session) => session.require());
  assert.notEqual(phone.renewal, before);
  const later = await phone.get().load(sessions, due + 10 * MINUTE - 1);
  assert.equal(later.info?.proofExpiresAt, due + 10 * MINUTE);
  assert.equal(statusOf(await phone.get().load(sessions, due + 10 * MINUTE)), "proof-due");
});

test("a client that sends a proof with each request is asked for none", async () => {
  const { sessions } = build();
  const phone = await Phone.bound(sessions, T0);
  let [renewals, challenges] = [0, 0];
  for (let minute = 1; minute <= 60; minute += 1) {
    const now = T0 + minute * MINUTE;
    const session = await (await phone.proving("GET", "/balance", now)).load(sessions, now);
    session.require();
    const written = names(phone.receive(session));
    renewals += Number(written.includes("session-renewal"));
    challenges += Number(written.includes("dpop-nonce"));
  }
  assert.equal(challenges, 20);
  assert.ok(renewals >= 20 && renewals < 40, String(renewals));
});

test("an attacker's proof is refused and changes nothing", async () => {
  const keys = [keyText()];
  const { sessions, events } = build(keys);
  const [phone, other] = [await Phone.bound(sessions, T0), await Phone.bound(sessions, T0)];
  const now = T0 + MINUTE;
  const right = phone.claims("GET", "/balance", now);
  const [thief, own] = [await DeviceKey.generate(), phone.key];
  const signed = (claims: object, header: object = {}, key = own) =>
    key.dpop({ ...right, ...claims }, { ...header });
  const without = (name: string) => {
    const { [name]: _, ...claims } = right;
    return own.dpop(claims);
  };
  const used = await signed({ jti: "used" });
  await (await phone.get().with("dpop", used).load(sessions, now)).revalidate();
  const foreign = await Phone.bound(build().sessions, T0);
  const [head = "", body = ""] = used.split(".");
  const unsigned = `${Buffer.from('{"typ":"dpop+jwt","alg":"none"}').toString("base64url")}.${body}.`;
  const spare = await signed({ jti: "spare" });
  const twice = (text: string) => Buffer.from(text).toString("base64url");
  const doubled = `${twice(`{"typ":"dpop+jwt","alg":"ES256","jwk":${JSON.stringify(own.jwk)},"alg":"ES256"}`)}.${body}.AA`;

  const final: [what: string, proof: string, code: string][] = [
    ["the thief's key", await signed({}, { jwk: thief.jwk }, thief), "other-key"],
    ["the thief's signature", await signed({}, { jwk: own.jwk }, thief), "signature"],
    [
      "the proof of another session",
      await other.key.dpop(other.claims("GET", "/balance", now)),
      "other-key",
    ],
    ["a replayed proof", used, "used"],
    ["the other signature of a used proof", withOtherSignature(used), "used"],
    ["another method", await signed({ htm: "POST" }), "other-request"],
    ["a method in lower case", await signed({ htm: "get" }), "other-request"],
    ["another path", await signed({ htu: `${HERE}/pay` }), "other-request"],
    ["another host", await signed({ htu: "https://evil.example/balance" }), "other-request"],
    [
      "a user name",
      await signed({ htu: "https://api.bank.example@evil.example/balance" }),
      "other-request",
    ],
    ["plain HTTP", await signed({ htu: "http://api.bank.example/balance" }), "other-request"],
    ["another token", await signed({ ath: hashOf("b1.x") }), "other-token"],
    ["no token", await without("ath"), "other-token"],
    ["null as the token", await signed({ ath: null }), "claim"],
    ["no id", await signed({ jti: "" }), "claim"],
    ["a time as text", await signed({ iat: String(now) }), "claim"],
    ["the algorithm none", unsigned, "algorithm"],
    ["HS256", await signed({}, { alg: "HS256" }), "algorithm"],
    ["RS256", await signed({}, { alg: "RS256" }), "algorithm"],
    ["ES384", await signed({}, { alg: "ES384" }), "algorithm"],
    ["the type of an access token", await signed({}, { typ: "at+jwt" }), "type"],
    ["a browser's proof", await own.dbsc(phone.challenge ?? ""), "type"],
    ["a critical extension", await signed({}, { crit: ["b64"], b64: false }), "header"],
    ["two members of one name", doubled, "header"],
    ["a private key", await signed({}, { jwk: { ...own.jwk, d: "AAAA" } }), "key"],
    [
      "a point that is not on the curve",
      await signed({}, { jwk: { ...own.jwk, y: own.jwk.x } }),
      "key",
    ],
    ["another curve", await signed({}, { jwk: { ...own.jwk, crv: "P-384" } }), "key"],
    ["a padded coordinate", await signed({}, { jwk: { ...own.jwk, x: `${own.jwk.x}=` } }), "key"],
    ["no key", await signed({}, { jwk: undefined }), "no-key"],
    ["no signature", `${head}.${body}.`, "signature"],
    ["a padded signature", `${spare}==`, "form"],
    ["four parts", `${spare}.x`, "form"],
    ["not a proof", "eyJ.eyJ", "form"],
    ["nothing", "", "form"],
    ["a long proof", await signed({ more: "x".repeat(2048) }), "too-long"],
  ];
  const due: typeof final = [
    ["no challenge", await without("nonce"), "no-challenge"],
    ["the challenge of another session", await signed({ nonce: other.challenge }), "other-session"],
    ["the challenge of another ring", await signed({ nonce: foreign.challenge }), "unknown-key"],
    ["an invented challenge", await signed({ nonce: "x" }), "prefix"],
    ["an empty challenge", await signed({ nonce: "" }), "prefix"],
    ["the state token as a challenge", await signed({ nonce: phone.token }), "bad-tag"],
  ];
  for (const [what, proof, code] of [...final, ...due]) {
    const isDue = due.some(([name]) => name === what);
    events.length = 0;
    const session = await phone.get().with("dpop", proof).load(sessions, now);
    assert.equal(statusOf(session), isDue ? "proof-due" : "proof-refused", what);
    assert.deepEqual(deniedOf(session), [401, isDue ? ASKS : WRONG], what);
    assert.equal(
      codeOf(() => session.update(() => alan())),
      "no-session",
      what,
    );
    assert.deepEqual(names(session.commit()), isDue ? ASKED : ["vary"], what);
    assert.equal(refusedIn(events), code, what);
  }
  // Two proofs.
  const two = (await phone.proving("GET", "/balance", now)).with("dpop", spare);
  assert.equal(statusOf(await two.load(sessions, now)), "proof-refused");
  assert.equal(refusedIn(events), "two-proofs");
  // The right one: none of the refused ones has used up the session.
  assert.equal(
    statusOf(await (await phone.proving("GET", "/balance", now)).load(sessions, now)),
    "alive",
  );
});

test("an old challenge asks for another proof, and the clock of the client does not matter", async () => {
  const { sessions, events } = build();
  const phone = await Phone.bound(sessions, T0);
  for (const [age, status, code] of [
    [10 * MINUTE - 1, "alive", undefined],
    [10 * MINUTE, "proof-due", "stale"],
    [12 * MINUTE - 1, "proof-due", "stale"],
    [12 * MINUTE, "proof-due", "expired"],
  ] as const) {
    const now = T0 + age;
    events.length = 0;
    const request = await phone.proving("GET", "/balance", now + 86_400);
    assert.equal(statusOf(await request.load(sessions, now)), status, String(age));
    assert.equal(refusedIn(events), code, String(age));
  }
});

test("a proof is accepted once, and its refusal for another reason does not use it up", async () => {
  const { sessions } = build();
  const phone = await Phone.bound(sessions, T0);
  const now = T0 + MINUTE;
  const request = await phone.proving("GET", "/balance", now);
  // For another method first.
  const other = request.with("x", "");
  const wrong = other.read(sessions, now, "/other");
  await wrong.revalidate();
  assert.equal(statusOf(wrong), "proof-refused");
  assert.equal(statusOf(await request.load(sessions, now)), "alive");
  assert.deepEqual(deniedOf(await request.load(sessions, now)), [401, WRONG]);

  // Of many copies at the same time, one is accepted.
  const copied = await phone.proving("GET", "/balance", now);
  const copies = await Promise.all(Array.from({ length: 8 }, () => copied.load(sessions, now)));
  assert.equal(copies.filter((session) => session.data !== undefined).length, 1);
});

test("who copies a request gains no time on another server", async () => {
  const keys = [keyText()];
  const [here, elsewhere] = [build(keys).sessions, build(keys).sessions];
  const phone = await Phone.bound(here, T0);
  const now = T0 + 9 * MINUTE;
  const request = await phone.proving("GET", "/balance", now);
  await phone.visit(here, now, request, (session) => session.require());

  const thief = phone.copy(await DeviceKey.generate());
  const session = await request.load(elsewhere, now + 30);
  session.require();
  assert.equal(session.info?.proofExpiresAt, T0 + 10 * MINUTE);
  thief.receive(session);
  const late = T0 + 10 * MINUTE;
  assert.equal(statusOf(await thief.get().load(elsewhere, late)), "proof-due");
  assert.equal(statusOf(await request.load(elsewhere, late)), "proof-due");
  // The thief signs the right claims with another key.
  await thief.visit(elsewhere, late, thief.get(), (session) => session.data);
  const forged = await thief.proving("GET", "/balance", late);
  assert.equal(statusOf(await forged.load(elsewhere, late)), "proof-refused");
});

const as = (scheme: string, request: Sent) => {
  const [, token = ""] = request.valueOf("authorization").split(" ");
  return request.without("authorization").with("authorization", `${scheme} ${token}`);
};

test("the scheme says whether a session is bound", async () => {
  const { sessions, events } = build();
  const phone = await Phone.bound(sessions, T0);
  for (const request of [phone.get(), await phone.proving("GET", "/balance", T0)]) {
    events.length = 0;
    const session = await as("Bearer", request).load(sessions, T0);
    assert.equal(statusOf(session), "proof-refused");
    assert.deepEqual(deniedOf(session), [401, NO_TOKEN]);
    assert.deepEqual(names(session.commit()), ["vary"]);
    assert.equal(refusedIn(events), "scheme");
  }
  for (const scheme of ["dpop", "DPOP"]) {
    assert.equal(statusOf(await as(scheme, phone.get()).load(sessions, T0)), "alive", scheme);
  }
  const both = phone.get().with("authorization", "Bearer x");
  assert.equal(statusOf(await both.load(sessions, T0)), "absent");

  // A client without a key has an ordinary session. It may send proofs, which are not read.
  const plain = await Phone.new();
  const signIn = plain.bare("Bearer", "POST", "/sign-in");
  await plain.visit(sessions, T0, signIn, (session) => session.start(ada(), OVER));
  assert.equal(plain.challenge, undefined);
  assert.equal(statusOf(await plain.get().load(sessions, T0)), "proof-refused");
  for (const request of [
    plain.get(),
    await plain.proving("GET", "/balance", T0),
    plain.get().with("dpop", "x"),
  ]) {
    const session = await as("Bearer", request).load(sessions, T0 + 29 * MINUTE);
    assert.equal(session.info?.bound, false);
    assert.equal(session.info?.proofExpiresAt, undefined);
  }
});

test("a proof at the sign-in needs the right time or a challenge", async () => {
  const { sessions, events } = build();
  const signIn = async (phone: Phone, clock: number) => {
    const request = await phone.proving("POST", "/sign-in", clock);
    return phone.visit(sessions, T0, request, (session) =>
      codeOf(() => session.start(ada(), OVER)),
    );
  };
  for (const offset of [0, 60, -60, 0.5]) {
    assert.equal(await signIn(await Phone.new(), T0 + offset), undefined, String(offset));
  }
  for (const offset of [61, -61, 86_400, -1_000_000_000]) {
    const phone = await Phone.new();
    events.length = 0;
    assert.equal(await signIn(phone, T0 + offset), "proof-due", String(offset));
    assert.equal(refusedIn(events), "no-challenge");
    assert.equal(phone.token, undefined);
    // With the challenge of this response, the client's clock does not count.
    assert.equal(await signIn(phone, T0 + offset), undefined, String(offset));
    const session = await phone.get().load(sessions, T0);
    assert.equal(session.info?.proofExpiresAt, T0 + 10 * MINUTE);
  }
});

test("a wrong proof at the sign-in starts no session, and a copy of the sign-in neither", async () => {
  const { sessions, events } = build();
  const phone = await Phone.new();
  const right = phone.claims("POST", "/sign-in", T0);
  const proof = await phone.key.dpop(right);
  const elsewhere = await phone.key.dpop({ ...right, htu: "https://evil.example/sign-in" });
  for (const [proofs, code] of [
    [[elsewhere], "other-request"],
    [[proof, proof], "two-proofs"],
    [["x"], "form"],
  ] as const) {
    events.length = 0;
    let request = phone.bare("DPoP", "POST", "/sign-in");
    for (const proof of proofs) request = request.with("dpop", proof);
    const session = await request.load(sessions, T0);
    assert.equal(
      codeOf(() => session.start(ada(), OVER)),
      "proof-refused",
    );
    await assert.rejects(session.checkProof(), { code: "proof-refused" });
    assert.deepEqual(
      names(session.commit()).filter((name) => name.startsWith("session-")),
      [],
    );
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ["proof-refused"],
      "told once",
    );
    assert.equal(refusedIn(events), code);
  }
  const request = phone.bare("DPoP", "POST", "/sign-in").with("dpop", proof);
  await (await Phone.new()).visit(sessions, T0, request, (session) => session.start(ada(), OVER));
  const copy = await request.load(sessions, T0);
  assert.equal(
    codeOf(() => copy.start(ada(), OVER)),
    "proof-refused",
  );
  assert.equal(refusedIn(events), "used");
});

test("a route can ask for a proof with each request", async () => {
  const { sessions } = build();
  const phone = await Phone.bound(sessions, T0);
  const now = T0 + MINUTE;
  const session = await phone.get().load(sessions, now);
  session.require();
  assert.deepEqual(
    deniedBy(() => session.requireProven()),
    [401, ASKS],
  );
  assert.deepEqual(names(phone.receive(session)), ASKED);
  const request = await phone.proving("POST", "/pay", now);
  const paid = await request.load(sessions, now);
  assert.equal(paid.requireProven().id, ada().id);
  assert.equal(paid.requireProven().id, ada().id, "twice in one request");
  const copy = await request.load(sessions, now);
  assert.deepEqual(
    deniedBy(() => copy.requireProven()),
    [401, WRONG],
    "the copy of a request",
  );

  const fresh = await Phone.new();
  const signIn = await fresh.proving("POST", "/sign-in", now);
  await fresh.visit(sessions, now, signIn, (session) => {
    session.start(ada());
    session.requireProven(); // the proof of the sign-in
  });

  const guest = await (
    await Phone.new()
  )
    .get()
    .with("authorization", "Bearer x")
    .load(sessions, now);
  assert.deepEqual(
    deniedBy(() => guest.requireProven()),
    [401, "Bearer"],
  );
  const nobody = await (await Phone.new()).get().with("dpop", "x").load(sessions, now);
  assert.deepEqual(deniedOf(nobody), [401, 'Bearer, DPoP algs="ES256"']);
  const unknown = await as("DPoP", phone.get()).load(build().sessions, now);
  assert.deepEqual(deniedOf(unknown), [401, 'DPoP algs="ES256"']);
  const plain = await Phone.new();
  const ordinary = plain.bare("Bearer", "POST", "/sign-in");
  await plain.visit(sessions, now, ordinary, (session) => session.start(ada(), OVER));
  const bearer = await as("Bearer", plain.get()).load(sessions, now);
  assert.deepEqual(
    deniedBy(() => bearer.requireProven()),
    [401, NO_TOKEN],
    "must sign in again",
  );
  const page = browser().signedIn(sessions, now, ada()).send(sessions, now);
  assert.equal(deniedBy(() => page.requireProven())[0], 403);
});

test("a change and a new id keep the key and record the proof", async () => {
  const { sessions } = build();
  const phone = await Phone.bound(sessions, T0);
  let now = T0;
  const changes: ((session: Session<Account>) => void)[] = [
    (session) => session.update((account) => void (account.id += 1)),
    (session) => session.reauthenticated(),
    (session) => session.set(alan()),
  ];
  for (const change of changes) {
    now += 10 * MINUTE;
    await phone.visit(sessions, now, phone.get(), (session) => void session.data);
    const request = await phone.proving("GET", "/balance", now);
    await phone.visit(sessions, now, request, change);
    const session = await phone.get().load(sessions, now + 10 * MINUTE - 1);
    assert.equal(session.info?.proofExpiresAt, now + 10 * MINUTE);
    // The state token alone has no session.
    const alone = await phone.get().without("session-renewal").load(sessions, now);
    assert.equal(alone.data, undefined);
  }
});

test("a background request records its proof and no activity", async () => {
  const { sessions } = build();
  const phone = await Phone.bound(sessions, T0);
  const poll = (session: Session<Account>) => {
    session.ignoreActivity();
    return session.data?.id;
  };
  for (const [minute, alive] of [
    [10, true],
    [20, true],
    [29, true],
    [30, false],
  ] as const) {
    const now = T0 + minute * MINUTE;
    await phone.visit(sessions, now, phone.get(), poll);
    const request = await phone.proving("GET", "/balance", now);
    const id = await phone.visit(sessions, now, request, poll);
    assert.equal(id !== undefined, alive, `minute ${minute}`);
  }
});

test("the proof of a poll does not undo activity", async () => {
  const { sessions } = build();
  const phone = await Phone.bound(sessions, T0);
  const ask = async (now: number) => {
    const session = await phone.get().load(sessions, now);
    deniedBy(() => session.requireProven());
    phone.receive(session);
  };
  let now = T0 + 25 * MINUTE;
  await ask(now);
  const request = await phone.proving("GET", "/balance", now);
  await phone.visit(sessions, now, request, (session) => session.require());
  now = T0 + 29 * MINUTE;
  await ask(now);
  const poll = await (await phone.proving("GET", "/poll", now)).load(sessions, now);
  poll.ignoreActivity();
  assert.ok(poll.data);
  const before = phone.renewal;
  phone.receive(poll);
  assert.equal(phone.renewal, before);
});

test("a client without renewal tokens sends a proof with each request", async () => {
  const { sessions } = build();
  const phone = await Phone.bound(sessions, T0);
  phone.renewal = undefined;
  for (let minute = 1; minute <= 40; minute += 1) {
    const now = T0 + minute * MINUTE;
    assert.equal(statusOf(await phone.get().load(sessions, now)), "proof-due");
    const request = await phone.proving("GET", "/balance", now);
    const id = await phone.visit(sessions, now, request, (session) => session.data?.id);
    assert.equal(id, ada().id, `minute ${minute}`);
    phone.renewal = undefined;
  }
});

test("a change with a proof records the proof, also for a client without renewal tokens", async () => {
  const { sessions } = build();
  const phone = await Phone.bound(sessions, T0);
  phone.renewal = undefined;
  const now = T0 + 5 * MINUTE;
  const request = await phone.proving("GET", "/balance", now);
  await phone.visit(sessions, now, request, (session) => session.update(() => alan()));
  assert.ok(phone.renewal);
  assert.equal((await phone.get().load(sessions, now)).data?.name, "Alan");
});

test("the keys of the ring rotate under a bound session", async () => {
  const [old, fresh] = [keyText(), keyText()];
  const [before, both, after] = [build([old]), build([fresh, old]), build([fresh])];
  const phone = await Phone.bound(before.sessions, T0);
  for (const [minute, { sessions }] of [
    [10, both],
    [20, after],
    [30, after],
  ] as const) {
    const now = T0 + minute * MINUTE;
    await phone.visit(sessions, now, phone.get(), (session) => {
      assert.equal(statusOf(session), "proof-due", `minute ${minute}`);
    });
    const request = await phone.proving("GET", "/balance", now);
    const id = await phone.visit(sessions, now, request, (session) => session.data?.id);
    assert.equal(id, ada().id, `minute ${minute}`);
  }
});

test("a server that cannot judge the renewal token asks for a proof and does not replace it", async () => {
  const [old, fresh] = [keyText(), keyText()];
  const [behind, ahead] = [build([old]).sessions, build([fresh, old]).sessions];
  const phone = await Phone.bound(behind, T0);
  const now = T0 + 5 * MINUTE;
  const first = await phone.proving("GET", "/balance", now);
  await phone.visit(ahead, now, first, (session) => session.require());
  const { renewal } = phone;
  const session = await phone.get().load(behind, now);
  assert.deepEqual(deniedOf(session), [401, ASKS]);
  assert.deepEqual(names(phone.receive(session)), ASKED);
  const second = await phone.proving("GET", "/balance", now);
  await phone.visit(behind, now, second, (session) => session.require());
  assert.equal(phone.renewal, renewal, "the other server may know a later activity");
  assert.ok((await phone.get().load(ahead, now)).data);
});

test("a server without the setting leaves bound sessions alone", async () => {
  const keys = [keyText()];
  const { sessions } = build(keys);
  const phone = await Phone.bound(sessions, T0);
  const plain = new Sessions({ ring: ring(...keys), payload: account, bearer: new Bearer() });
  for (const [scheme, status] of [
    ["DPoP", "absent"],
    ["Bearer", "payload"],
  ] as const) {
    const session = await as(scheme, phone.get()).load(plain, T0);
    assert.equal(statusOf(session), status, scheme);
    assert.deepEqual(deniedOf(session), [401, "Bearer"]);
    assert.deepEqual(
      names(session.commit()).filter((name) => name.startsWith("session-")),
      [],
    );
  }
  assert.ok((await phone.get().load(sessions, T0)).data);
});

test("an application can have several addresses", async () => {
  const address = ["https://bank.example/api/", "http://localhost:3000"];
  const { sessions, events } = build([keyText()], { address });
  for (const [htu, right] of [
    ["https://bank.example/api/sign-in", true],
    ["HTTPS://BANK.example:443/api/sign-in?next=/", true],
    ["http://localhost:3000/sign-in", true],
    ["https://bank.example/sign-in", false],
    ["https://bank.example/api//sign-in", false],
    ["https://localhost:3000/sign-in", false],
    ["http://localhost/sign-in", false],
    ["/sign-in", false],
  ] as const) {
    const phone = await Phone.new();
    const proof = await phone.key.dpop({ ...phone.claims("POST", "", T0), htu });
    const request = phone.bare("DPoP", "POST", "/sign-in?from=app").with("dpop", proof);
    const session = await request.load(sessions, T0);
    const started = codeOf(() => session.start(ada(), OVER));
    assert.equal(started === undefined, right, `${htu}: ${refusedIn(events)}`);
  }
  const wrong = [
    "",
    "api.bank.example",
    "ftp://a.example",
    "https://a.example?b",
    "https://a@b.example",
    "https://a.example#",
  ];
  const untyped = [undefined, null, 7, new URL("https://a.example")] as never[];
  for (const address of [...wrong, ...untyped, [], ["https://a.example", "b"]]) {
    assert.equal(
      codeOf(() => build([keyText()], { address })),
      "address",
      String(address),
    );
  }
  assert.throws(() => build([keyText()], { proofLifetime: 9 }), RangeError);
  assert.throws(() => build([keyText()], { requireAfter: -1 }), TypeError);
});

test("every path can have a proof, and a session without its path has none", async () => {
  const { sessions, events } = build();
  const phone = await Phone.bound(sessions, T0);
  for (const target of [
    "/balance?at=a\\b",
    "/fetch/https%3A%2F%2Fother.example",
    "/notes/a%0Ab%5C",
    "//balance",
    "/a'\"<>`|{}",
    "/search?q=//",
  ]) {
    const session = await (await phone.proving("GET", target, T0)).load(sessions, T0);
    assert.equal(statusOf(session), "alive", target);
  }
  const request = await phone.proving("GET", "/balance", T0);
  for (const target of ["", "http://api.bank.example/balance", "*"]) {
    const session = request.read(sessions, T0, target);
    await session.revalidate();
    assert.equal(statusOf(session), "proof-refused", target);
    assert.equal(refusedIn(events), "no-target");
  }
});

test("a store that fails refuses proofs for now, and its error is told", async () => {
  const keys = [keyText()];
  const phone = await Phone.bound(build(keys).sessions, T0);
  for (const claim of [
    () => Promise.reject(new Error("connection refused")),
    () => {
      throw new Error("connection refused");
    },
  ]) {
    const { sessions, events } = build(keys, { used: { claim } });
    const session = await (await phone.proving("GET", "/balance", T0)).load(sessions, T0);
    assert.equal(statusOf(session), "proof-unchecked");
    assert.deepEqual(deniedOf(session), [503, undefined]);
    assert.equal(
      codeOf(() => session.update(() => alan())),
      "not-now",
    );
    const told = events.find((event) => event.kind === "proof-refused");
    assert.deepEqual(told, {
      kind: "proof-refused",
      code: "store",
      error: new Error("connection refused"),
    });
    assert.ok((await phone.get().load(sessions, T0)).require(), "without a proof, none is checked");

    const fresh = await Phone.new();
    const request = await fresh.proving("POST", "/sign-in", T0);
    const starting = await request.load(sessions, T0);
    await assert.rejects(starting.checkProof(), { code: "not-now" });
    assert.equal(
      codeOf(() => starting.start(ada(), OVER)),
      "not-now",
    );
    fresh.receive(starting);
    assert.equal(fresh.token, undefined);
  }
});

test("with a store of its own, an application checks the proof before it starts a session", async () => {
  const claimed: [string, number][] = [];
  const used = {
    claim: async (fingerprint: string, until: number) => {
      const isFirst = claimed.every(([other]) => other !== fingerprint);
      claimed.push([fingerprint, until]);
      await Promise.resolve();
      return isFirst;
    },
  };
  const { sessions } = build([keyText()], { used });
  const phone = await Phone.new();
  const request = await phone.proving("POST", "/sign-in", T0);
  const session = await request.load(sessions, T0);
  assert.throws(() => session.start(ada(), OVER), TypeError);
  await Promise.all([session.checkProof(), session.checkProof()]);
  await session.checkProof();
  session.start(ada(), OVER);
  phone.receive(session);
  assert.equal(claimed.length, 1, "a request uses its proof once");
  assert.match(claimed[0]?.[0] ?? "", /^[0-9a-f]{32}$/);
  assert.equal(claimed[0]?.[1], T0 + 12 * MINUTE);
  const copy = await request.load(sessions, T0);
  await assert.rejects(copy.checkProof(), { code: "proof-refused" });

  // Without a proof, there is nothing to check.
  const plain = await (await Phone.new()).bare("Bearer", "POST", "/sign-in").load(sessions, T0);
  await plain.checkProof();
  plain.start(ada(), OVER);

  // A bound session that starts again has claimed its proof already.
  const again = await (await phone.proving("POST", "/switch", T0)).load(sessions, T0);
  again.start(alan());
  assert.equal(claimed.length, 3);
});

test("a store that answers with neither true nor false accepts no proof", async () => {
  const keys = [keyText()];
  for (const answer of [{ rowCount: 0 }, "OK", 1, null, undefined]) {
    const used = { claim: async () => answer as unknown as boolean };
    const { sessions, events } = build(keys, { used });
    const phone = await Phone.bound(build(keys).sessions, T0);
    const request = await phone.proving("GET", "/balance", T0);
    assert.equal(statusOf(await request.load(sessions, T0)), "proof-unchecked");
    assert.equal(refusedIn(events), "store");
    const signIn = await (await phone.proving("POST", "/sign-in", T0)).load(sessions, T0);
    await assert.rejects(signIn.checkProof(), { code: "not-now" });
  }
  class Late extends UsedHere {
    override claim(fingerprint: string, until: number): boolean {
      return Promise.resolve(super.claim(fingerprint, until)) as unknown as boolean;
    }
  }
  const { sessions } = build(keys, { used: new Late() });
  const signIn = await (await Phone.new()).proving("POST", "/sign-in", T0);
  const session = await signIn.load(sessions, T0);
  assert.throws(() => session.start(ada()), TypeError);
});

test("a proof that was not verified does not count", async () => {
  const { sessions } = build();
  const phone = await Phone.bound(sessions, T0);
  const now = T0 + 10 * MINUTE;
  const asked = phone.get().read(sessions, now);
  assert.equal(statusOf(asked), "proof-due");
  phone.receive(asked);
  const request = await phone.proving("GET", "/balance", now);
  const session = request.read(sessions, now);
  assert.equal(statusOf(session), "proof-due");
  await session.revalidate();
  assert.equal(statusOf(session), "alive");

  const fresh = await Phone.new();
  const signIn = (await fresh.proving("POST", "/sign-in", now)).read(sessions, now);
  assert.throws(() => signIn.start(ada(), OVER), TypeError);
  assert.equal(statusOf(signIn), "absent");
});

test("the application's check does not run for a session whose proof is refused", async () => {
  let checks = 0;
  const revalidate = () => {
    checks += 1;
    return "holds" as const;
  };
  const { sessions } = build([keyText()], {}, { revalidate, revalidateAfter: 0 });
  const phone = await Phone.bound(sessions, T0);
  const due = await phone.get().load(sessions, T0 + 10 * MINUTE);
  assert.deepEqual([statusOf(due), checks], ["proof-due", 0]);
  phone.receive(due);
  const request = await phone.proving("GET", "/balance", T0 + 10 * MINUTE);
  assert.equal(statusOf(await request.load(sessions, T0 + 10 * MINUTE)), "alive");
  assert.equal(checks, 1);
});

test("an application can require keys", async () => {
  const { sessions } = build([keyText()], { requireAfter: 0 });
  const bound = await Phone.bound(sessions, T0);
  assert.ok((await bound.get().load(sessions, T0)).data);
  // In the scheme of the request, without a proof, no session starts.
  const guest = await Phone.new();
  const refused = await guest
    .bare("Bearer", "POST", "/sign-in")
    .with("authorization", "Bearer x")
    .load(sessions, T0);
  assert.equal(
    codeOf(() => refused.start(ada(), OVER)),
    "proof-due",
  );
  assert.ok(names(refused.commit()).includes("dpop-nonce"));
  const { sessions: later } = build([keyText()], { requireAfter: 60 });
  const plain = await Phone.new();
  const signIn = plain.bare("Bearer", "POST", "/sign-in");
  await plain.visit(later, T0, signIn, (session) => session.start(ada(), OVER));
  assert.equal(statusOf(await as("Bearer", plain.get()).load(later, T0 + 59)), "alive");
  const session = await as("Bearer", plain.get()).load(later, T0 + 60);
  assert.equal(statusOf(session), "not-bound");
  assert.deepEqual(deniedOf(session), [401, NO_TOKEN]);
  // Sessions in cookies are not concerned.
  assert.ok(
    browser()
      .signedIn(later, T0, ada())
      .send(later, T0 + 600).data,
  );
});
