// A mobile client and a browser that have bound their sessions to a key use the bank and the
// appointments. A thief has copies of their tokens.
//
//   node bound.mjs BANK APPOINTMENTS ADDRESS
//
// ADDRESS is the address under which clients reach the appointments. A proof counts for 10 seconds at
// both services. Exits with status 1 at the first unexpected result.

import { createHash, webcrypto } from "node:crypto";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";

const [bank, app, appAddress] = process.argv.slice(2);

const base64url = (bytes) => Buffer.from(bytes).toString("base64url");

/** A key pair of P-256, which does not leave the device. */
class Key {
  static async make() {
    const key = new Key();
    const curve = { name: "ECDSA", namedCurve: "P-256" };
    key.pair = await webcrypto.subtle.generateKey(curve, true, ["sign", "verify"]);
    const { x, y } = await webcrypto.subtle.exportKey("jwk", key.pair.publicKey);
    key.jwk = { kty: "EC", crv: "P-256", x, y };
    return key;
  }

  async sign(header, claims) {
    const signed = [header, claims].map((part) => base64url(JSON.stringify(part))).join(".");
    const algorithm = { name: "ECDSA", hash: "SHA-256" };
    const signature = await webcrypto.subtle.sign(
      algorithm,
      this.pair.privateKey,
      Buffer.from(signed),
    );
    return `${signed}.${base64url(signature)}`;
  }
}

function expect(what, got, wanted) {
  console.log(`${got}  ${what}`);
  if (got === wanted) return;
  console.error(`FAILED: expected ${wanted}`);
  process.exit(1);
}

/** A client without cookies (DPoP, RFC 9449). */
class Phone {
  constructor(key, tokens = {}) {
    Object.assign(this, tokens);
    this.key = key;
  }

  tokens() {
    const { token, renewal, challenge } = this;
    return { token, renewal, challenge };
  }

  /** Sends a request, with a proof of its own or with the given one, and expects a status. */
  async send(wanted, method, url, { body, proof, scheme = "DPoP" } = {}) {
    const headers = {};
    if (this.token !== undefined) headers.authorization = `${scheme} ${this.token}`;
    if (this.renewal !== undefined) headers["session-renewal"] = this.renewal;
    if (proof !== undefined) headers.dpop = proof;
    if (typeof body === "string") headers["content-type"] = "application/json";
    const response = await fetch(url, { method, headers, body, redirect: "manual" });
    expect(
      `${method} ${url}${proof === undefined ? "" : " with a proof"}`,
      response.status,
      wanted,
    );
    this.token = kept(response, "session-token", this.token);
    this.renewal = kept(response, "session-renewal", this.renewal);
    this.challenge = kept(response, "dpop-nonce", this.challenge);
    return response;
  }

  async prove(wanted, method, url, more) {
    return this.send(wanted, method, url, { ...more, proof: await this.proof(method, url) });
  }

  proof(method, url) {
    const claims = { jti: webcrypto.randomUUID(), htm: method, htu: url.replace(app, appAddress) };
    claims.iat = Math.floor(Date.now() / 1000);
    claims.nonce = this.challenge;
    if (this.token !== undefined) {
      claims.ath = createHash("sha256").update(this.token).digest("base64url");
    }
    return this.key.sign({ typ: "dpop+jwt", alg: "ES256", jwk: this.key.jwk }, claims);
  }
}

/** The value that the client keeps. An empty value deletes it. */
function kept(response, name, before) {
  const value = response.headers.get(name);
  return value === null ? before : value || undefined;
}

/** A browser that supports Device Bound Session Credentials. */
class Browser {
  jar = new Map();

  constructor(key) {
    this.key = key;
  }

  async send(wanted, method, url, { body, headers = {} } = {}) {
    const cookie = [...this.jar].map((pair) => pair.join("=")).join("; ");
    const all = { cookie, ...headers };
    const response = await fetch(url, { method, headers: all, body, redirect: "manual" });
    expect(`${method} ${url} in a browser`, response.status, wanted);
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (/; Max-Age=0(;|$)/.test(line)) this.jar.delete(name);
      else this.jar.set(name, value);
    }
    const offer = response.headers.get("secure-session-registration");
    if (offer !== null) [, this.offered] = /challenge="([^"]+)"/.exec(offer);
    const asked = response.headers.get("secure-session-challenge");
    if (asked !== null) [, this.challenge, this.session] = /^"([^"]+)";id="([^"]+)"$/.exec(asked);
    return response;
  }

  async register() {
    const header = { typ: "dbsc+jwt", alg: "ES256", jwk: this.key.jwk };
    const proof = await this.key.sign(header, { jti: this.offered });
    const headers = { "secure-session-response": proof };
    return this.send(200, "POST", `${bank}/bulla/session/register`, { headers });
  }

  /** Proves the key, as browsers do before a request without the bound cookie. */
  async refresh() {
    const proof = await this.key.sign({ typ: "dbsc+jwt", alg: "ES256" }, { jti: this.challenge });
    const headers = { "secure-session-response": proof, "sec-secure-session-id": this.session };
    return this.send(200, "POST", `${bank}/bulla/session/refresh`, { headers });
  }
}

const tooOld = () => sleep(11_000);
const form = (fields) => new URLSearchParams(fields);
const ada = { user: "ada", pin: "1815" };

async function mobile() {
  const phone = new Phone(await Key.make());
  await phone.prove(200, "POST", `${bank}/api/login`, { body: JSON.stringify(ada) });
  await phone.send(200, "GET", `${app}/account`);
  await phone.send(401, "GET", `${app}/account`, { scheme: "Bearer" });
  const thief = new Phone(await Key.make(), phone.tokens());
  await tooOld();
  await phone.send(401, "GET", `${app}/account`);
  const proof = await phone.proof("GET", `${app}/account`);
  await phone.send(200, "GET", `${app}/account`, { proof });
  await phone.send(401, "GET", `${app}/account`, { proof }); // a copy of the request
  await thief.send(401, "GET", `${app}/account`);
  await thief.prove(401, "GET", `${app}/account`);
  await phone.send(200, "GET", `${bank}/api/balance`); // the proof counts there too
  const transfer = { body: JSON.stringify({ to: "alan", amount: "5.00" }) };
  await phone.send(401, "POST", `${bank}/api/transfer`, transfer);
  await phone.prove(204, "POST", `${bank}/api/transfer`, transfer);
  await phone.send(303, "POST", `${app}/appointments`, { body: form({ day: "Monday" }) });
  await phone.send(200, "GET", `${bank}/api/balance`);
  await tooOld();
  await phone.send(401, "GET", `${bank}/api/balance`);
  await phone.prove(200, "GET", `${app}/account`); // with the challenge of the bank
  await phone.send(303, "POST", `${app}/sign-out`);
  await phone.prove(303, "POST", `${app}/sign-in`, { body: form(ada) });
  await phone.send(200, "GET", `${bank}/api/balance`);
}

async function desktop() {
  const browser = new Browser(await Key.make());
  await browser.send(303, "POST", `${bank}/login`, { body: form(ada) });
  await browser.register();
  await browser.send(200, "GET", `${app}/account`);
  await browser.refresh();
  await browser.send(303, "POST", `${app}/appointments`, { body: form({ day: "Friday" }) });
  await tooOld();
  await browser.send(307, "GET", `${app}/account`); // deletes the bound cookie
  await browser.send(401, "GET", `${app}/account`); // a browser would have sent a proof
  await browser.refresh();
  await browser.send(200, "GET", `${app}/account`);
  await browser.send(303, "POST", `${app}/sign-out`);
  const { continue: goesOn } = await (await browser.refresh()).json();
  expect("the browser can delete its key", goesOn, false);
  await browser.send(303, "POST", `${app}/sign-in`, { body: form(ada) });
  await browser.register(); // a session that has started in Node
  await browser.refresh();
  await browser.send(200, "GET", `${app}/account`);
}

await Promise.all([mobile(), desktop()]);
