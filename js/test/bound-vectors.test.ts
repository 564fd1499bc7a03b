// Runs the vectors of the specification that concern bound sessions (sections 9.5 and 9.6).

import assert from "node:assert/strict";
import { test } from "node:test";

import { Reader, unhex } from "../src/bytes.js";
import { OpenError } from "../src/errors.js";
import { uncheckedKey } from "../src/key.js";
import type { Encoding } from "../src/payload/payload.js";
import { payload } from "../src/payload/payload.js";
import { ProofError } from "../src/proof/error.js";
import { KeyRing, parseRingWithExamples } from "../src/ring.js";
import { Cookie, Denied, Policy, SessionError, Sessions } from "../src/session/index.js";
import type { Line, Session } from "../src/session/index.js";
import { Challenges } from "../src/session/challenge.js";
import { identifierOf, unboundId } from "../src/session/proving.js";
import { decodeRenewal, takeRecord } from "../src/session/record.js";
import { openBytes, sealBytes } from "../src/token.js";
import { pointFromCompressed, readRefresh, readRegistration } from "./dbsc.js";
import { Field, hex, vectors } from "./vectors.js";

const DAY = 86_400;

const ascii = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

function optional(vector: Field, field: string): string | undefined {
  return vector.value[field] === null ? undefined : vector.text(field);
}

function channelOf(vector: Field): string[] {
  const name = optional(vector, "cookie_name");
  return name === undefined ? ["bearer"] : ["cookie", name];
}

for (const vector of vectors("challenge.json", 10)) {
  test(`challenge.json: ${vector.name}`, () => {
    const ring = new KeyRing([{ key: uncheckedKey(vector.bytes("key")) }]);
    const purpose = ascii(vector.bytes("purpose"));
    const [issuedAt, lifetime] = [vector.number("issued_at"), vector.number("lifetime")];
    const bytes = Buffer.from([purpose, "challenge", ...channelOf(vector)].join("\0"), "latin1");
    const token = sealBytes(ring, bytes, {
      issuedAt,
      lifetime,
      schemaVersion: 1,
      payload: vector.bytes("payload"),
      bucket: 32,
      nonce: vector.bytes("nonce"),
    });
    assert.equal(token, vector.text("token"));

    const challenges = new Challenges(ring, purpose, channelOf(vector));
    const origin = vector.text("origin");
    const asks = vector.number("asks") === 0 ? "proof" : "nothing";
    assert.deepEqual(challenges.open(token, issuedAt), { origin, asks, issuedAt });
    const made = challenges.make(origin, asks, issuedAt, lifetime) ?? "";
    assert.equal(made.length, token.length);
    assert.deepEqual(challenges.open(made, issuedAt), { origin, asks, issuedAt });
    if (optional(vector, "cookie_name") === undefined) return;
    assert.equal(identifierOf(origin), vector.text("session_identifier"));
    assert.equal(unboundId(origin), vector.text("unbound_id"));
  });
}

for (const vector of vectors("proof.json", 129)) {
  test(`proof.json: ${vector.name}`, async () => {
    const read = await proofOf(vector);
    assert.equal(read.expect, vector.text("expect"));
    if (read.expect !== "ok") return;
    assert.equal(read.key, vector.text("public_key"));
    assert.equal(read.challenge, vector.text("challenge"));
  });
}

/** The steps of section 9.5, for a registration or a refresh. */
async function proofOf(vector: Field) {
  const bound = optional(vector, "bound");
  const proof = vector.text("proof");
  const now = vector.number("now");
  try {
    let [key, challenge] = [bound ?? "", ""];
    if (vector.text("request") === "registration") {
      const registration = await readRegistration(proof);
      [key, challenge] = [registration.key.compressed, registration.challenge];
    } else {
      const point = pointFromCompressed(key);
      assert.ok(point);
      challenge = await readRefresh(proof, point);
    }
    const ring = parseRingWithExamples(vector.text("ring"));
    const challenges = new Challenges(ring, ascii(vector.bytes("purpose")), channelOf(vector));
    const opened = challenges.open(challenge, now);
    if (opened.origin !== vector.text("origin") || opened.asks !== "proof") {
      return { expect: "other-session" };
    }
    const isRecent = now < opened.issuedAt + vector.number("proof_lifetime") + 120;
    return isRecent ? { expect: "ok", key, challenge } : { expect: "stale" };
  } catch (error) {
    if (error instanceof ProofError || error instanceof OpenError) return { expect: error.code };
    throw error;
  }
}

const RAW: Encoding<Uint8Array> = {
  name: "postcard",
  encode: (value) => value,
  decode: (bytes) => bytes,
};

/** The server of a vector of dpop.json, and what it has recorded. */
class Server {
  readonly ring: KeyRing;
  readonly sessions: Sessions<Uint8Array>;
  readonly used: Set<string>;
  readonly refusals: string[] = [];

  constructor(readonly vector: Field) {
    const used = new Set(vector.value["used"] as string[]);
    this.used = used;
    this.ring = parseRingWithExamples(vector.text("ring"));
    this.sessions = new Sessions({
      ring: this.ring,
      payload: payload({ purpose: ascii(vector.bytes("purpose")), encoding: RAW }),
      policy: new Policy({ idleTimeout: 2 * DAY, absoluteTimeout: 2 * DAY }),
      cookie: new Cookie(),
      dpop: {
        address: vector.value["addresses"] as string[],
        proofLifetime: vector.number("proof_lifetime"),
        used: {
          claim: async (fingerprint) => {
            const isFirst = !used.has(fingerprint);
            used.add(fingerprint);
            return isFirst;
          },
        },
      },
      onEvent: (event) => {
        if (event.kind === "proof-refused") this.refusals.push(event.code);
      },
    });
  }

  load(): Session<Uint8Array> {
    const { vector } = this;
    const authorization = optional(vector, "authorization");
    const headers: Record<string, readonly string[]> = {
      authorization: authorization === undefined ? [] : [authorization],
      dpop: (vector.value["proofs"] as string[]).map((proof) =>
        Buffer.from(proof, "utf8").toString("latin1"),
      ),
    };
    const [method, target] = [vector.text("method"), vector.text("target")];
    const values = (name: string) => headers[name] ?? [];
    return this.sessions.load({ method, values, target }, { now: vector.number("now") });
  }

  open(role: string, token: string) {
    const purpose = [ascii(this.vector.bytes("purpose")), role, "bearer"].join("\0");
    const reading = { now: this.vector.number("now"), schemas: [1, 2] };
    return openBytes(this.ring, Buffer.from(purpose, "latin1"), token, reading);
  }

  /** Checks that the response has a renewal token with the proof of the vector. */
  records(lines: readonly Line[]): void {
    const opened = this.open("renewal", valueOf(lines, "session-renewal") ?? "");
    const { proof } = decodeRenewal(2, opened.payload) ?? {};
    const [at, key] = [this.vector.number("proved_at"), this.vector.text("public_key")];
    assert.deepEqual(proof, { at, key });
    assert.equal(opened.issuedAt, this.vector.number("now"));
  }

  /** Checks that the response has a challenge for the session that began under this id. */
  asks(lines: readonly Line[], origin: string): void {
    const opened = this.open("challenge", valueOf(lines, "dpop-nonce") ?? "");
    assert.equal(hex(opened.payload), `${origin}00`);
    assert.equal(opened.issuedAt, this.vector.number("now"));
  }

  /** The failure that was told, which is told once. */
  refusal(): string | undefined {
    assert.ok(this.refusals.length <= 1, this.refusals.join());
    const [code] = this.refusals;
    return code === "no-target" ? "other-request" : code;
  }
}

function valueOf(lines: readonly Line[], name: string): string | undefined {
  return lines.find((line) => line.name === name)?.value;
}

const hasToken = (lines: readonly Line[]) => lines.some(({ name }) => name.startsWith("session-"));

/** The steps that do not ask for another proof. */
const FINAL =
  "scheme two-proofs too-long form header type algorithm key no-key claims claim signature " +
  "other-request other-key other-token used";
const asksAgain = (step: string) => !FINAL.split(" ").includes(step);

/** The error that the client is told. */
function errorOf(step: string, vector: Field): string {
  const isBearer = optional(vector, "authorization")?.startsWith("Bearer ") === true;
  const wrong = step === "scheme" && isBearer ? "invalid_token" : "invalid_dpop_proof";
  return `DPoP error="${asksAgain(step) ? "use_dpop_nonce" : wrong}", algs="ES256"`;
}

for (const vector of vectors("dpop.json", 210)) {
  test(`dpop.json: ${vector.name}`, async () => {
    const server = new Server(vector);
    const expected = new Set(server.used);
    const session = server.load();
    if (vector.text("request") === "sign-in") await signIn(server, session);
    else await visit(server, session);
    if (vector.text("expect") === "ok") expected.add(vector.text("identifier"));
    assert.deepEqual(server.used, expected);
  });
}

async function signIn(server: Server, session: Session<Uint8Array>): Promise<void> {
  const { vector } = server;
  await session.revalidate();
  assert.equal(session.channel, "bearer");
  const error = await session.checkProof().then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(error === undefined || error instanceof SessionError);
  if (error === undefined) {
    session.start(Uint8Array.of(7), { over: "bearer" });
    const lines = [...session.commit()];
    assert.equal(vector.text("expect"), "ok");
    assert.equal(server.refusal(), undefined);
    const { payload } = server.open("state", valueOf(lines, "session-token") ?? "");
    const record = takeRecord(new Reader(payload));
    assert.equal(record.bound, vector.text("public_key"));
    server.records(lines);
    server.asks(lines, record.id);
    return;
  }
  assert.throws(() => session.start(Uint8Array.of(7), { over: "bearer" }), { code: error.code });
  const lines = [...session.commit()];
  const step = server.refusal() ?? "";
  assert.equal(step, vector.text("expect"));
  assert.equal(error.code, asksAgain(step) ? "proof-due" : "proof-refused");
  if (asksAgain(step)) server.asks(lines, "0".repeat(32));
  else assert.equal(valueOf(lines, "dpop-nonce"), undefined);
  assert.ok(!hasToken(lines));
}

async function visit(server: Server, session: Session<Uint8Array>): Promise<void> {
  const { vector } = server;
  await session.revalidate();
  const { status, info } = session;
  const denied = deniedBy(() => session.require());
  const lines = [...session.commit()];
  const step = server.refusal();
  assert.equal(step ?? "ok", vector.text("expect"));
  if (step === undefined) {
    assert.deepEqual([status.kind, denied], ["alive", undefined]);
    assert.equal(hex(session.data ?? new Uint8Array()), "07");
    server.records(lines);
    if (vector.value["asks_again"] === true) server.asks(lines, info?.origin ?? "");
    else assert.equal(valueOf(lines, "dpop-nonce"), undefined);
    return;
  }
  const code = status.kind === "refused" ? status.refusal.code : undefined;
  assert.equal(code, asksAgain(step) ? "proof-due" : "proof-refused");
  assert.equal(denied?.status, 401);
  assert.equal(denied?.headers["www-authenticate"], errorOf(step, vector));
  assert.equal(valueOf(lines, "dpop-nonce") !== undefined, asksAgain(step));
  assert.ok(!hasToken(lines));
}

function deniedBy(run: () => unknown): Denied | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof Denied) return error;
    throw error;
  }
}

test("a compressed point is read or refused", () => {
  const [vector] = vectors("proof.json", 129);
  const key = vector?.text("public_key") ?? "";
  const point = pointFromCompressed(key);
  assert.equal(point?.compressed, key);
  const other = pointFromCompressed(key.replace(/^03/, "02"));
  assert.notDeepEqual(other?.y, point?.y);
  assert.deepEqual(other?.x, unhex(key.slice(2)));
  const wrong = ["", "04" + key.slice(2), "05" + key.slice(2), key + "00", key.slice(2), "00"];
  const tooLarge = "02" + "f".repeat(64);
  const offCurve = "02" + "0".repeat(63) + "2";
  for (const text of [...wrong, tooLarge]) assert.equal(pointFromCompressed(text), undefined, text);
  const numbers = Array.from(
    { length: 40 },
    (_, x) => offCurve.slice(0, 64) + hex(Uint8Array.of(x)),
  );
  const found = numbers.filter((text) => pointFromCompressed(text) !== undefined).length;
  assert.ok(found > 5 && found < 35, `${found} of 40 numbers are on the curve`);
});
