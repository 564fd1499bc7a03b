// Runs the vectors of the specification that concern sessions (sections 9 and 9.2).

import assert from "node:assert/strict";
import { test } from "node:test";

import { Reader, concat } from "../src/bytes.js";
import { uncheckedKey } from "../src/key.js";
import { payload } from "../src/payload/payload.js";
import type { Encoding } from "../src/payload/payload.js";
import { KeyRing } from "../src/ring.js";
import { Bearer, Cookie, Policy, Sessions } from "../src/session/index.js";
import type { Session, SessionsOptions } from "../src/session/index.js";
import { decodeRenewal, encodeRecord, encodeRenewal, takeRecord } from "../src/session/record.js";
import type { SessionRecord } from "../src/session/record.js";
import { fingerprintOf } from "../src/session/tokens.js";
import { openBody, openBytes, readBody, sealBytes } from "../src/token.js";
import { join, split } from "../src/transport/pieces.js";
import { Field, hex, vectors } from "./vectors.js";

const SESSIONS = vectors("session.json", 30);

function ringOf(...keys: readonly Uint8Array[]): KeyRing {
  return new KeyRing(keys.map((key) => ({ key: uncheckedKey(key) })));
}

function ascii(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

function purposeOf(vector: Field, role: string): Uint8Array {
  const text = `${ascii(vector.bytes("purpose"))}\0${role}\0${ascii(vector.bytes("channel"))}`;
  return Buffer.from(text, "latin1");
}

function optionalText(vector: Field, field: string): string | undefined {
  return vector.value[field] === null ? undefined : vector.text(field);
}

function recordOf(vector: Field): SessionRecord {
  const ended = vector.value["ended_others"] as { before: number; mark: string } | null;
  return {
    id: vector.text("session_id"),
    startedAt: vector.number("started_at"),
    reauthenticatedAt: vector.number("reauthenticated_at"),
    ceiling: vector.optional("ceiling"),
    origin: optionalText(vector, "origin"),
    endedOthers: ended ?? undefined,
    follows: vector.list("follows").map((of) => ({
      origin: of.text("origin"),
      before: of.number("before"),
      mark: of.text("mark"),
    })),
    term: vector.value["remembered"] === true ? "remembered" : "ordinary",
    bound: optionalText(vector, "bound"),
  };
}

function renewalIn(vector: Field): Field | undefined {
  const { renewal } = vector.value;
  return renewal === null ? undefined : new Field(renewal as Field["value"]);
}

for (const vector of SESSIONS) {
  test(`session.json: ${vector.name}`, () => {
    const [record, state] = [recordOf(vector), vector.bytes("state")];
    const contents = concat(encodeRecord(record), state);
    assert.equal(hex(contents), vector.text("payload"));
    const reader = new Reader(contents);
    assert.deepEqual(takeRecord(reader), record);
    assert.equal(hex(reader.rest()), hex(state));

    const purpose = purposeOf(vector, "state");
    const [issuedAt, schema] = [vector.number("issued_at"), vector.number("schema")];
    const token = sealBytes(ringOf(vector.bytes("key")), purpose, {
      issuedAt,
      lifetime: vector.number("lifetime"),
      schemaVersion: schema,
      payload: contents,
      bucket: 32,
      nonce: vector.bytes("nonce"),
    });
    assert.equal(token, vector.text("token"));
    const reading = { now: issuedAt, schemas: [schema] };
    const opened = openBytes(ringOf(vector.bytes("key")), purpose, token, reading);
    assert.equal(hex(opened.payload), vector.text("payload"));

    const renewal = renewalIn(vector);
    if (renewal !== undefined) checkRenewal(vector, renewal, opened.unpadded);
  });
}

function checkRenewal(vector: Field, renewal: Field, body: Uint8Array): void {
  const token = vector.text("token");
  const [provedAt, key] = [renewal.optional("proved_at"), optionalText(renewal, "bound")];
  const proof = provedAt === undefined ? undefined : { at: provedAt, key: key ?? "" };
  const hasCopy = renewal.value["with_copy"] === true;
  const copy = hasCopy ? { fingerprint: fingerprintOf(token), body } : undefined;
  const validatedAt = renewal.number("validated_at");
  const record = { id: vector.text("session_id"), validatedAt, proof, copy };
  const schemaVersion = proof === undefined ? 1 : 2;
  const contents = encodeRenewal(record);
  assert.equal(hex(contents), renewal.text("payload"));
  const read = decodeRenewal(schemaVersion, contents);
  assert.equal(hex(read?.copy?.body ?? new Uint8Array()), hasCopy ? hex(body) : "");
  assert.deepEqual({ ...read, copy: undefined }, { ...record, copy: undefined });
  assert.equal(read?.copy?.fingerprint, copy?.fingerprint);

  const sealed = sealBytes(ringOf(renewal.bytes("key")), purposeOf(vector, "renewal"), {
    issuedAt: renewal.number("issued_at"),
    lifetime: renewal.number("lifetime"),
    schemaVersion,
    payload: contents,
    bucket: 32,
    nonce: renewal.bytes("nonce"),
  });
  assert.equal(sealed, renewal.text("token"));
  if (copy === undefined) return;
  const reading = { now: vector.number("issued_at"), schemas: [vector.number("schema")] };
  assert.equal(hex(openBody(copy.body, reading).payload), vector.text("payload"));
}

for (const vector of SESSIONS) {
  test(`session.json: the session of ${vector.name} is read or left alone`, () => {
    const renewal = renewalIn(vector);
    const isBound =
      optionalText(vector, "bound") !== undefined ||
      (renewal !== undefined && optionalText(renewal, "bound") !== undefined);
    // With a copy, the key of the state token is no longer in the ring.
    const hasCopy = renewal?.value["with_copy"] === true;
    const keys = renewal === undefined ? [] : [renewal.bytes("key")];
    const ring = hasCopy ? ringOf(...keys) : ringOf(...distinct([vector.bytes("key"), ...keys]));
    const channel = ascii(vector.bytes("channel"));
    const name = channel.split("\0")[1];
    const year = 366 * 86_400;
    const policy = new Policy({ idleTimeout: year, absoluteTimeout: year });
    const now = Math.max(vector.number("issued_at"), renewal?.number("issued_at") ?? 0);
    const load = (scheme: string, more: Partial<SessionsOptions<Uint8Array>> = {}) => {
      const sessions = new Sessions({
        ring,
        payload: payload({
          purpose: ascii(vector.bytes("purpose")),
          schemaVersion: vector.number("schema"),
          encoding: RAW,
        }),
        policy,
        remembered: policy,
        ...(name === undefined ? { bearer: new Bearer() } : { cookie: cookieNamed(name) }),
        ...more,
      });
      const headers = headersOf(scheme, name, vector.text("token"), renewal?.text("token"));
      const values = (header: string) => headers[header] ?? [];
      return sessions.load({ method: "GET", values }, { now });
    };
    if (isBound) {
      const left = load("Bearer");
      assert.equal(left.data, undefined);
      assert.equal(refusedAs(left), "payload");
      assert.ok(![...left.commit()].some((line) => line.sensitive), "left alone");
    }
    const provedAt = renewal?.optional("proved_at");
    const proofLifetime = Math.max(now - (provedAt ?? now) + 1, 10);
    const settings = {
      dpop: { address: "https://a.example", proofLifetime },
      deviceBound: { proofLifetime },
    };
    const session = load(isBound ? "DPoP" : "Bearer", isBound ? settings : {});
    assert.equal(session.info?.bound ?? isBound, isBound);
    if (isBound && provedAt === undefined) {
      assert.equal(refusedAs(session), "proof-due");
      return;
    }
    assert.equal(hex(session.data ?? new Uint8Array()), vector.text("state"));
    const { info } = session;
    assert.equal(info?.id, vector.text("session_id"));
    assert.equal(info?.origin, optionalText(vector, "origin") ?? vector.text("session_id"));
    assert.equal(info?.remembered, vector.value["remembered"]);
    assert.equal(info?.lastSeen, now);
  });
}

const RAW: Encoding<Uint8Array> = {
  name: "postcard",
  encode: (value) => value,
  decode: (bytes) => bytes,
};

function distinct(keys: readonly Uint8Array[]): Uint8Array[] {
  const found = new Map(keys.map((key) => [hex(key), key]));
  return [...found.values()];
}

/** A cookie with this full name. */
function cookieNamed(name: string): Cookie {
  const base = name.replace(/^__Host-/, "");
  return new Cookie({ name: base, overPlainHttp: base === name });
}

function refusedAs({ status }: Session<Uint8Array>): string | undefined {
  return status.kind === "refused" ? status.refusal.code : undefined;
}

function headersOf(
  scheme: string,
  name: string | undefined,
  state: string,
  renewal: string | undefined,
) {
  if (name === undefined) {
    return {
      authorization: [`${scheme} ${state}`],
      ...(renewal === undefined ? {} : { "session-renewal": [renewal] }),
    } as Record<string, string[]>;
  }
  const pairs = [`${name}=${state}`];
  if (renewal !== undefined) pairs.push(`${name}-renewal=${renewal}`);
  return { cookie: [pairs.join("; ")] } as Record<string, string[]>;
}

for (const vector of vectors("pieces.json", 10)) {
  test(`pieces.json: ${vector.name}`, () => {
    const [token, name] = [vector.text("token"), vector.text("cookie_name")];
    const expected = vector.list("pieces");
    const longest = Math.max(
      ...[0, 1, 2, 3].map((at) => (at === 0 ? name : `${name}-${at}`).length),
    );
    const values = split(token, 4096 - longest - 15);
    assert.deepEqual(
      values,
      expected.map((piece) => piece.text("value")),
    );
    const found = expected.map((piece, at) => ({ at, value: piece.text("value") }));
    assert.deepEqual(join(found), [token]);
    assert.deepEqual(join([...found].reverse()), [token]);
    assert.deepEqual(join(found.slice(1)), []);

    // The cookies themselves, as a response sets them and a request carries them.
    const role = name.endsWith("-renewal") ? "renewal" : "state";
    const base = name.replace(/^__Host-/, "").replace(/-renewal$/, "");
    if (!name.startsWith("__Host-") || base.length > 64) return;
    const cookie = new Cookie({ name: base, split: true });
    const lines = cookie.store(role, token, { until: "as-configured", age: 60 });
    const pairs = lines.map((line) => line.split(";")[0] ?? "");
    const stored = pairs.filter((pair) => !pair.endsWith("="));
    const pieces = expected.map((piece) => `${piece.text("name")}=${piece.text("value")}`);
    assert.deepEqual(stored, pieces);
    assert.deepEqual(cookie.find([stored.join("; ")], role), [token]);
  });
}

test("a body is read back by readBody", () => {
  for (const vector of SESSIONS.slice(0, 3)) {
    const opened = openBytes(
      ringOf(vector.bytes("key")),
      purposeOf(vector, "state"),
      vector.text("token"),
      {
        now: vector.number("issued_at"),
        schemas: [vector.number("schema")],
      },
    );
    assert.equal(hex(readBody(opened.unpadded).payload), vector.text("payload"));
  }
});
