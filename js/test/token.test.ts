// Sealing, signing, opening and verifying values: what applications see.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";

import { Reader, fromBase64url, hex, latin1, toBase64url, varint } from "../src/bytes.js";
import {
  KeyRing,
  MAX_TOKEN_LENGTH,
  OpenError,
  Sealer,
  SealError,
  Signer,
  json,
  payload,
  readUnverified,
  verify,
  type OpenCode,
  type Payload,
} from "../src/index.js";
import { openBody, openBytes, sealBytes, signBytes, writeBody } from "../src/token.js";

const NOW = 1_796_126_400;

interface Reset {
  readonly account: number;
}

const Reset = payload({ purpose: "shop.example/reset-link", encoding: json<Reset>() });

function refused(code: OpenCode): (error: unknown) => boolean {
  return (error) => error instanceof OpenError && error.code === code;
}

test("a sealed token opens until its deadline, for its purpose only", () => {
  const ring = KeyRing.generate();
  const links = new Sealer({ ring, payload: Reset, lifetime: 900, bucket: 32 });
  const token = links.seal({ account: 42 }, { now: NOW });
  assert.ok(token.startsWith("b1."));
  const opened = links.open(token, { now: NOW + 899 });
  assert.deepEqual(opened.payload, { account: 42 });
  assert.equal(opened.issuedAt, NOW);
  assert.equal(opened.expiresAt, NOW + 900);
  assert.equal(opened.keyId, ring.primaryAt());
  assert.throws(() => links.open(token, { now: NOW + 900 }), refused("expired"));
  assert.throws(() => links.open(token, { now: NOW - 61 }), refused("not-yet-valid"));
  const other = payload({ purpose: "shop.example/invitation", encoding: json<Reset>() });
  const invitations = new Sealer({ ring, payload: other, lifetime: 900 });
  assert.throws(() => invitations.open(token, { now: NOW }), refused("bad-tag"));
});

test("without a time, the clock of the platform counts", () => {
  const ring = KeyRing.generate();
  const links = new Sealer({ ring, payload: Reset, lifetime: 900 });
  assert.equal(links.open(links.seal({ account: 1 })).payload.account, 1);
  const profiles = new Signer({ ring, payload: Reset, lifetime: 900 });
  assert.equal(profiles.verify(profiles.sign({ account: 2 })).payload.account, 2);
});

test("a reader's shorter lifetime counts at once", () => {
  const ring = KeyRing.generate();
  const token = new Sealer({ ring, payload: Reset, lifetime: 900 }).seal(
    { account: 1 },
    { now: NOW },
  );
  const strict = new Sealer({ ring, payload: Reset, lifetime: 60 });
  assert.equal(strict.open(token, { now: NOW + 59 }).expiresAt, NOW + 60);
  assert.throws(() => strict.open(token, { now: NOW + 60 }), refused("expired"));
});

test("a lifetime without a limit ends in the last second of the year 9999", () => {
  const ring = KeyRing.generate();
  const forever = new Signer({ ring, payload: Reset, lifetime: Infinity });
  const token = forever.sign({ account: 1 }, { now: NOW });
  assert.equal(forever.verify(token, { now: NOW }).expiresAt, 253_402_300_799);
  assert.equal(verify(token, { payload: Reset, ring, now: NOW }).expiresAt, 253_402_300_799);
});

test("a signed token can be read without a key, and verified with one", () => {
  const ring = KeyRing.generate();
  const profiles = new Signer({ ring, payload: Reset, lifetime: 900 });
  const token = profiles.sign({ account: 42 }, { now: NOW });
  assert.equal(token, profiles.sign({ account: 42 }, { now: NOW }));
  assert.equal(verify(token, { payload: Reset, ring, now: NOW }).payload.account, 42);
  assert.deepEqual(readUnverified(token, Reset), {
    unverifiedPayload: { account: 42 },
    unverifiedIssuedAt: NOW,
    unverifiedExpiresAt: NOW + 900,
    unverifiedKeyId: ring.primaryAt(),
  });
  const forged = signBytes(KeyRing.generate(), Buffer.from(Reset.purpose), {
    issuedAt: NOW,
    lifetime: 900,
    schemaVersion: 1,
    payload: Buffer.from('{"account":7}'),
  });
  assert.equal(readUnverified(forged, Reset).unverifiedPayload.account, 7);
  assert.throws(() => verify(forged, { payload: Reset, ring, now: NOW }), refused("unknown-key"));
  assert.throws(
    () => verify(token, { payload: Reset, ring, now: NOW + 60, longestLifetime: 60 }),
    refused("expired"),
  );
});

test("only JSON can be read unverified", () => {
  const encoding = { ...json<Reset>(), name: "postcard" as const };
  const binary = payload({ purpose: "shop.example/reset-link", encoding });
  const token = new Signer({ ring: KeyRing.generate(), payload: binary, lifetime: 60 }).sign({
    account: 1,
  });
  assert.throws(() => readUnverified(token, binary), TypeError);
});

test("an older value is upgraded along the chain, and a newer one is refused", () => {
  const purpose = "bank.example/session";
  const V1 = payload({ purpose, encoding: json<{ id: number }>() });
  const V2 = payload({
    purpose,
    schemaVersion: 2,
    encoding: json<{ id: number; name: string }>(),
    previous: V1,
    upgrade: (old) => ({ ...old, name: `#${old.id}` }),
  });
  const V4 = payload({
    purpose,
    schemaVersion: 4,
    encoding: json<{ id: number; names: string[] }>(),
    previous: V2,
    upgrade: ({ id, name }) => ({ id, names: [name] }),
  });
  const ring = KeyRing.generate();
  const sealer = <T>(of: Payload<T>) => new Sealer({ ring, payload: of, lifetime: 60 });
  const at = { now: NOW };
  const old = sealer(V1).seal({ id: 7 }, at);
  assert.deepEqual(sealer(V4).open(old, at).payload, { id: 7, names: ["#7"] });
  const newest = sealer(V4).seal({ id: 7, names: [] }, at);
  assert.throws(() => sealer(V2).open(newest, at), refused("newer-schema"));
  const skipped = sealBytes(ring, Buffer.from(purpose), {
    issuedAt: NOW,
    lifetime: 60,
    schemaVersion: 3,
    payload: Buffer.from("{}"),
  });
  assert.throws(() => sealer(V4).open(skipped, at), refused("retired-schema"));
});

test("an upgrade that throws makes the payload unreadable, and its error is not repeated", () => {
  const purpose = "bank.example/session";
  const V1 = payload({ purpose, encoding: json<{ secret: string }>() });
  const V2 = payload({
    purpose,
    schemaVersion: 2,
    encoding: json<{ secret: string }>(),
    previous: V1,
    upgrade: (old) => {
      throw new Error(old.secret);
    },
  });
  const ring = KeyRing.generate();
  const token = new Sealer({ ring, payload: V1, lifetime: 60 }).seal(
    { secret: "xyzzy" },
    { now: NOW },
  );
  assert.throws(
    () => new Sealer({ ring, payload: V2, lifetime: 60 }).open(token, { now: NOW }),
    (error) => refused("payload")(error) && !inspect(error).includes("xyzzy"),
  );
});

test("descriptions that no token can have are refused when they are made", () => {
  const encoding = json<object>();
  const first = payload({ purpose: "a", schemaVersion: 2, encoding });
  const upgrade = (old: object) => old;
  for (const make of [
    () => payload({ purpose: "", encoding }),
    () => payload({ purpose: "a b", encoding }),
    () => payload({ purpose: "é", encoding }),
    () => payload({ purpose: "x".repeat(256), encoding }),
    () => payload({ purpose: "a", schemaVersion: 0, encoding }),
    () => payload({ purpose: "a", schemaVersion: 2 ** 32, encoding }),
    () => payload({ purpose: "a", schemaVersion: 1.5, encoding }),
    () => payload({ purpose: "a", schemaVersion: 2, encoding, previous: first, upgrade }),
    () => payload({ purpose: "b", schemaVersion: 3, encoding, previous: first, upgrade }),
    () => payload({ purpose: "a", schemaVersion: 3, encoding, previous: first }),
    () => new Sealer({ ring: KeyRing.generate(), payload: first, lifetime: -1 }),
    () => new Sealer({ ring: KeyRing.generate(), payload: first, lifetime: NaN }),
    () => new Sealer({ ring: KeyRing.generate(), payload: first, lifetime: 1, bucket: 0 }),
    () => new Sealer({ ring: KeyRing.generate(), payload: first, lifetime: 1, bucket: 256 }),
  ]) {
    assert.throws(make, TypeError);
  }
  payload({ purpose: "x".repeat(255), schemaVersion: 2 ** 32 - 1, encoding });
});

test("a token that would be too long is not made, and a longer limit changes nothing", () => {
  const ring = KeyRing.generate();
  const Text = payload({ purpose: "shop.example/text", encoding: json<string>() });
  const texts = new Sealer({ ring, payload: Text, lifetime: 60, maxLength: 99_999 });
  const longest = texts.seal("x".repeat(6086), { now: NOW });
  assert.equal(longest.length, 8191);
  assert.equal(texts.open(longest, { now: NOW }).payload.length, 6086);
  const isTooLong = (error: unknown) => error instanceof SealError && error.code === "too-long";
  assert.throws(() => texts.seal("x".repeat(6087), { now: NOW }), isTooLong);
  const short = new Sealer({ ring, payload: Text, lifetime: 60, maxLength: 100 });
  assert.throws(() => short.seal("x".repeat(100), { now: NOW }), isTooLong);
  assert.throws(() => short.open(longest, { now: NOW }), refused("too-long"));
});

test("the length of a token is counted in octets", () => {
  const links = new Sealer({ ring: KeyRing.generate(), payload: Reset, lifetime: 60 });
  assert.equal(MAX_TOKEN_LENGTH, 8192);
  const table: [string | Uint8Array, OpenCode][] = [
    ["é".repeat(4096), "prefix"],
    ["é".repeat(4097), "too-long"],
    [`b1.${"é".repeat(4094)}`, "encoding"],
    [`b1.${"é".repeat(4095)}`, "too-long"],
    [`b1.${"\ud800".repeat(2729)}`, "encoding"],
    [`b1.${"\ud800".repeat(2730)}`, "too-long"],
    [latin1("é".repeat(8192)), "prefix"],
    [latin1("é".repeat(8193)), "too-long"],
    ["", "prefix"],
    ["b1.", "too-short"],
    ["b1.A", "encoding"],
    ["s1.AAAA", "prefix"],
  ];
  for (const [token, code] of table) assert.throws(() => links.open(token), refused(code));
});

test("no input makes opening throw anything but an OpenError", () => {
  const ring = KeyRing.generate();
  const links = new Sealer({ ring, payload: Reset, lifetime: 60 });
  const token = links.seal({ account: 42 }, { now: NOW });
  for (let at = 0; at < token.length; at += 1) {
    for (const changed of [token.slice(0, at), `${token.slice(0, at)}!${token.slice(at + 1)}`]) {
      assert.throws(() => links.open(changed, { now: NOW }), OpenError);
    }
  }
});

test("without a primary key nothing is made", () => {
  const ring = KeyRing.parse(
    `${KeyRing.generate().exposeText().trim()} primary-from=2026-12-01T12:00:01Z`,
  );
  const noPrimaryKey = (error: unknown) =>
    error instanceof SealError && error.code === "no-primary-key";
  const options = { ring, lifetime: 60 };
  assert.throws(
    () => new Sealer({ ...options, payload: Reset }).seal({ account: 1 }, { now: NOW }),
    noPrimaryKey,
  );
  assert.throws(
    () => new Signer({ ...options, payload: Reset }).sign({ account: 1 }, { now: NOW }),
    noPrimaryKey,
  );
  new Sealer({ ...options, payload: Reset }).seal({ account: 1 }, { now: NOW + 1 });
});

test("a retired key fails after its tag was checked", () => {
  const key = KeyRing.generate().exposeText().trim();
  const ring = KeyRing.parse(`${key} open-until=2026-12-01T12:00:01Z`);
  const links = new Sealer({ ring, payload: Reset, lifetime: 60 });
  const token = links.seal({ account: 1 }, { now: NOW });
  links.open(token, { now: NOW });
  assert.throws(() => links.open(token, { now: NOW + 1 }), refused("retired-key"));
  const at = token.length - 1;
  const forged = token.slice(0, at) + (token.endsWith("A") ? "Q" : "A");
  assert.throws(() => links.open(forged, { now: NOW + 1 }), refused("bad-tag"));
});

test("neither a ring, a key, a sealer nor an opened token shows a secret", () => {
  const ring = KeyRing.generate();
  const Text = payload({ purpose: "shop.example/text", encoding: json<string>() });
  const texts = new Sealer({ ring, payload: Text, lifetime: 60 });
  const opened = texts.open(texts.seal("xyzzy"));
  const secret = ring.exposeText().slice(12, 55);
  const bytes = fromBase64url(secret);
  assert.ok(bytes);
  for (const value of [ring, texts, opened, ring.entries]) {
    for (const text of [
      inspect(value, { depth: null, showHidden: true, getters: false }),
      JSON.stringify(value),
      String(value),
    ]) {
      assert.ok(!text.includes(secret) && !text.includes("xyzzy"), text);
      assert.ok(!text.includes(hex(bytes)) && !text.includes(`${bytes[0]}, ${bytes[1]},`), text);
    }
  }
  assert.equal(opened.payload, "xyzzy");
});

test("a copy of a body is checked like a token, without a key", () => {
  const contents = { issuedAt: NOW, lifetime: 60, schemaVersion: 1, payload: latin1("x") };
  const body = writeBody({ ...contents, bucket: 32 });
  const reading = { now: NOW, schemas: [1] };
  const opened = openBody(body, reading);
  assert.equal(hex(opened.unpadded), hex(writeBody(contents)));
  assert.equal(opened.expiresAt, NOW + 60);
  assert.throws(() => openBody(body, { ...reading, now: NOW + 60 }), refused("expired"));
  assert.throws(() => openBody(body, { ...reading, schemas: [2] }), refused("retired-schema"));
  assert.throws(() => openBody(body.subarray(0, 3), reading), refused("malformed-body"));
  body[body.length - 1] = 1;
  assert.throws(() => openBody(body, reading), refused("padding"));
});

test("a purpose can have 00 and further bytes", () => {
  const ring = KeyRing.generate();
  const purpose = latin1("shop.example/session\0state\0bearer");
  const contents = { issuedAt: NOW, lifetime: 60, schemaVersion: 1, payload: latin1("x") };
  const token = sealBytes(ring, purpose, contents);
  const reading = { now: NOW, schemas: [1] };
  assert.equal(hex(openBytes(ring, purpose.slice(), token, reading).payload), "78");
  const other = latin1("shop.example/session\0state\0bearer\0");
  assert.throws(() => openBytes(ring, other, token, reading), refused("bad-tag"));
});

test("the key that is primary now can make a token that was issued earlier", () => {
  const [old, young] = [KeyRing.generate(), KeyRing.generate()];
  const ring = KeyRing.parse(
    `${old.exposeText()}${young.exposeText().trim()} primary-from=2026-12-01T12:00:00Z`,
  );
  const contents = { lifetime: 60, schemaVersion: 1, payload: latin1("x") };
  const purpose = latin1("a");
  const keyIdOf = (token: string) =>
    openBytes(ring, purpose, token, { now: NOW, schemas: [1] }).keyId;
  const earlier = sealBytes(ring, purpose, { ...contents, issuedAt: NOW - 1 });
  assert.equal(keyIdOf(earlier), old.primaryAt());
  const again = sealBytes(ring, purpose, { ...contents, issuedAt: NOW - 1, now: NOW });
  assert.equal(keyIdOf(again), young.primaryAt());
});

/** varint(value) for values that a number cannot hold. */
function varint64(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Uint8Array.from([...bytes, Number(rest)]);
}

test("each number has one varint", () => {
  const values = [0n, 1n, 127n, 128n, 16_383n, 16_384n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n - 1n];
  for (const value of [...values, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n]) {
    const bytes = varint64(value);
    const reader = new Reader(bytes);
    const read = reader.varint();
    assert.equal(reader.rest().length, 0);
    assert.ok(read !== undefined);
    if (value < 2n ** 53n) {
      assert.equal(BigInt(read), value);
      assert.deepEqual(varint(read), bytes);
    } else {
      assert.ok(read >= 2 ** 53);
    }
    const long = Uint8Array.from([...bytes, 0]);
    long[bytes.length - 1]! |= 0x80;
    assert.equal(new Reader(long).varint(), undefined);
    assert.equal(new Reader(long.subarray(0, -1)).varint(), undefined);
  }
  const above = Uint8Array.from([255, 255, 255, 255, 255, 255, 255, 255, 255, 2]);
  assert.equal(new Reader(above).varint(), undefined);
});

test("base64url accepts and rejects what Node's base64url writes", () => {
  for (let length = 0; length < 70; length += 1) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * i * 31 + length * 7) & 255);
    const text = Buffer.from(bytes).toString("base64url");
    assert.equal(toBase64url(bytes), text);
    assert.deepEqual(fromBase64url(text), bytes);
    assert.equal(fromBase64url(`${text}=`), undefined);
    for (let code = 0; code < 300 && length > 0; code += 1) {
      const last = text.slice(0, -1) + String.fromCharCode(code);
      const decoded = Buffer.from(last, "base64url");
      const canonical = decoded.toString("base64url") === last;
      assert.equal(fromBase64url(last) !== undefined, canonical, last);
    }
  }
});
