// Proofs, in their parts: JSON, addresses, keys and signatures.

import assert from "node:assert/strict";
import { test } from "node:test";

import { utf8 } from "../src/bytes.js";
import { pointOf, verifies } from "../src/p256.js";
import { addressOf } from "../src/proof/address.js";
import { isFor, isWith, readDpop } from "../src/proof/dpop.js";
import { member, parseObject } from "../src/proof/json.js";
import { pointFromCompressed } from "./dbsc.js";
import { DeviceKey } from "./phone.js";

const parses = (json: string) => parseObject(utf8(json)) !== undefined;

test("two members of the same name are refused everywhere", () => {
  for (const json of [
    '{"a":1,"a":1}',
    '{"a":1,"b":2,"a":1}',
    '{"a":1,"\\u0061":1}',
    '{"":1,"":2}',
    '{"b":{"a":1,"a":2}}',
    '{"b":[{"c":{"a":1,"a":2}}]}',
    '{"__proto__":1,"__proto__":1}',
    '{"a" :1,"a"\n:1}',
  ]) {
    assert.ok(!parses(json), json);
  }
  for (const json of [
    '{"a":1,"A":1}',
    '{"a":{"a":{"a":1}},"b":{"a":1}}',
    " {} ",
    '{"é":0}',
    '{"a":["a","a"]}',
    '{"a":"b","b":"a:"}',
    '{"\\"a":1,"a":2}',
    '{"a\\\\":1,"a":2}',
  ]) {
    assert.ok(parses(json), json);
  }
});

test("only a whole object is accepted", () => {
  const wrong = ["", "1", "null", "[]", '"a"', "{", "}", "{}{}", "{}x", '{"a"}', '{"a":}', "{a:1}"];
  wrong.push('{"a":1,}', "{'a':1}", '{"a":01}', '{"a":NaN}', "{}\0", '{"a":"\\x"}', "\ufeff{}");
  wrong.push('{"a":"\n"}', "{/**/}", '{"a":1e400}', '{"a":[-1e999]}');
  wrong.push('{"a":"\\ud800"}', '{"\\udc00\\ud83d":1}', '{"a":["\\ud83d"]}');
  for (const json of wrong) assert.ok(!parses(json), json);
  for (const json of ['{"a":"\\ud83d\\ude00"}', '{"a":1e308}', '{"a":123456789012345678901}']) {
    assert.ok(parses(json), json);
  }
  assert.equal(parseObject(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d)), undefined);
});

test("deep nesting is refused", () => {
  const nested = (depth: number) => `{"a":${"[".repeat(depth)}${"]".repeat(depth)}}`;
  assert.ok(parses(nested(7)));
  assert.ok(!parses(nested(8)));
  assert.ok(!parses(nested(900)));
  assert.ok(parses('{"a":"[[[[[[[[[[[["}'));
  assert.ok(parses('{"a":[],"b":[],"c":[],"d":[],"e":[],"f":[],"g":[],"h":[],"i":[]}'));
});

test("a member is the object's own", () => {
  const object = parseObject(utf8('{"a":null,"__proto__":{"b":1}}')) ?? {};
  assert.deepEqual([member(object, "a"), member(object, "b")], [null, undefined]);
  assert.equal(member(object, "toString"), undefined);
  assert.deepEqual(member(object, "__proto__"), { b: 1 });
});

test("addresses that differ only in how they are written are equal", () => {
  for (const [one, other] of [
    ["https://bank.example/pay", "HTTPS://Bank.EXAMPLE/pay"],
    ["https://bank.example/pay", "https://bank.example:443/pay"],
    ["https://bank.example/pay", "https://bank.example:/pay"],
    ["http://bank.example/pay", "http://bank.example:80/pay"],
    ["https://bank.example/", "https://bank.example"],
    ["https://bank.example", "https://bank.example?a=/b"],
    ["https://bank.example/pay", "https://bank.example/pay?to=ada"],
    ["https://bank.example/pay", "https://bank.example/pay#to?x"],
    ["https://bank.example/pay", "https://bank.example/%70%61y"],
    ["https://bank.example/%C3%A9", "https://bank.example/%c3%a9"],
    ["https://bank.example/a-._~", "https://bank.example/a%2d%2E%5f%7E"],
    ["http://[2001:DB8::1]:8080/", "http://[2001:db8::1]:8080"],
    ["http://[::1]/", "http://[::1]:80/"],
    ["http://127.0.0.1:08080/", "http://127.0.0.1:8080/"],
  ] as const) {
    assert.ok(addressOf(one), one);
    assert.deepEqual(addressOf(one), addressOf(other));
  }
});

test("other addresses are not equal", () => {
  const own = addressOf("https://bank.example/pay/it");
  for (const other of [
    "http://bank.example/pay/it",
    "https://bank.example:80/pay/it",
    "https://bank.example:8443/pay/it",
    "https://bank.example./pay/it",
    "https://www.bank.example/pay/it",
    "https://bank.example.evil.example/pay/it",
    "https://bank.example/Pay/it",
    "https://bank.example/pay/it/",
    "https://bank.example//pay/it",
    "https://bank.example/pay%2Fit",
    "https://bank.example/pay/./it",
    "https://bank.example/pay/x/../it",
    "https://bank.example/pay%3f/it",
  ]) {
    assert.ok(addressOf(other), other);
    assert.notDeepEqual(addressOf(other), own, other);
  }
});

test("anything else is not an address", () => {
  for (const text of [
    "",
    "/pay",
    "bank.example/pay",
    "//bank.example/pay",
    "ftp://bank.example/pay",
    "https:/bank.example/pay",
    "https:bank.example",
    "https:///pay",
    "https://:443/pay",
    "https://ada@bank.example/pay",
    "https://bank.example@evil.example/pay",
    "https://bank.example:x/pay",
    "https://bank.example:+443/pay",
    "https://bank.example:65536/pay",
    "https://bank.example:443:443/pay",
    "https://bank.example\\@evil.example/pay",
    "https://bank example/pay",
    "https://b%61nk.example/pay",
    "https://bänk.example/pay",
    "http\u017f://bank.example/pay",
    "https://ban\u212a.example/pay",
    "https://[::1/pay",
    "https://::1]/pay",
    "https://[]/pay",
    "https://[bank]/pay",
    "https://[::1]x/pay",
    "https://bank.example/%",
    "https://bank.example/%7",
    "https://bank.example/%zz",
    "https://bank.example/%+1",
    "https://bank.example/a b",
    "https://bank.example/a\\b",
    "https://bank.example/ä",
    "https://bank.example/a\n",
    "https://bank.example\n",
    " https://bank.example/",
  ]) {
    assert.equal(addressOf(text), undefined, JSON.stringify(text));
  }
});

const bytes = (number: bigint) => Buffer.from(number.toString(16).padStart(64, "0"), "hex");

test("a coordinate is below the prime of the field", () => {
  const P = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn;
  const small = [5n, 6n, 7n, 8n, 9n, 10n, 11n, 12n].flatMap((x) => {
    const point = pointFromCompressed(`02${bytes(x).toString("hex")}`);
    return point === undefined ? [] : [{ x, point }];
  });
  assert.ok(small.length > 0);
  for (const { x, point } of small) {
    assert.ok(pointOf(bytes(x), point.y));
    // The same number modulo p.
    assert.equal(pointOf(bytes(x + P), point.y), undefined);
    assert.equal(pointFromCompressed(`02${bytes(x + P).toString("hex")}`), undefined);
  }
  assert.equal(pointOf(bytes(0n), bytes(0n)), undefined);
  assert.equal(pointOf(new Uint8Array(31), new Uint8Array(32)), undefined);
});

test("a signature has 64 bytes, and r and s are not zero", async () => {
  const key = await DeviceKey.generate();
  const point = pointOf(Buffer.from(key.jwk.x, "base64url"), Buffer.from(key.jwk.y, "base64url"));
  assert.ok(point);
  const [head, body, signature = ""] = (await key.sign({}, {})).split(".");
  const message = utf8(`${head}.${body}`);
  const right = new Uint8Array(Buffer.from(signature, "base64url"));
  assert.ok(await verifies(point, message, right));
  const der = [0x30, 68, 2, 32, ...right.subarray(0, 32), 2, 32, ...right.subarray(32)];
  const zeros = new Uint8Array(32);
  for (const wrong of [
    new Uint8Array(),
    right.subarray(0, 63),
    Uint8Array.of(...right, 0),
    Uint8Array.from(der),
    new Uint8Array(64),
    Uint8Array.of(...zeros, ...right.subarray(32)),
    Uint8Array.of(...right.subarray(0, 32), ...zeros),
    new Uint8Array(64).fill(255),
  ]) {
    assert.ok(!(await verifies(point, message, wrong)), String(wrong.length));
  }
  assert.ok(!(await verifies(point, utf8("x"), right)));
});

// RFC 9449, figures 6, 7 and 13.
const HEADER =
  "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNo" +
  "UklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUw" +
  "Q2R2R1JEQSIsImNydiI6IlAtMjU2In19";
const FIGURE_13 =
  "eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxl" +
  "Lm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhX" +
  "WG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1d" +
  "qd-jfxSYoMxhAJpLjA";
const TOKEN = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";

test("the example of RFC 9449 verifies", async () => {
  const proof = await readDpop(`${HEADER}.${FIGURE_13}`);
  assert.ok(isFor(proof, "GET", "https://resource.example.org/protectedresource?x=1"));
  assert.ok(!isFor(proof, "get", "https://resource.example.org/protectedresource"));
  assert.ok(isWith(proof, utf8(TOKEN)));
  assert.ok(!isWith(proof, utf8(TOKEN.slice(1))));
  assert.deepEqual([proof.iat, proof.nonce], [1_562_262_618, undefined]);
  await assert.rejects(readDpop(`${HEADER}.${FIGURE_13.replace("dqd", "dqe")}`), {
    code: "signature",
  });
});
