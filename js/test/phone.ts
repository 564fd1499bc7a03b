// A client without cookies that has a key, and sends proofs of it (DPoP, RFC 9449).

import { toBase64url, utf8 } from "../src/bytes.js";
import { sha256 } from "../src/primitives.js";
import { Cookie, Denied, Sessions } from "../src/session/index.js";
import type {
  DpopOptions,
  Event,
  Line,
  Session,
  SessionsOptions,
} from "../src/session/index.js";
import { account, ada, keyText, ring } from "./support.js";
import type { Account } from "./support.js";

/** The address of the application. */
export const HERE = "https://api.bank.example";

/** The values of `WWW-Authenticate`. */
export const ASKS = 'DPoP error="use_dpop_nonce", algs="ES256"';
export const WRONG = 'DPoP error="invalid_dpop_proof", algs="ES256"';
export const NO_TOKEN = 'DPoP error="invalid_token", algs="ES256"';

export type Claims = Record<string, unknown>;

const { subtle } = globalThis.crypto;

/** The order of the curve. */
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** The key pair of a client. */
export class DeviceKey {
  readonly #private: CryptoKey;
  readonly jwk: {
    readonly kty: string;
    readonly crv: string;
    readonly x: string;
    readonly y: string;
  };

  private constructor(privateKey: CryptoKey, { x = "", y = "" }: JsonWebKey) {
    this.#private = privateKey;
    this.jwk = { kty: "EC", crv: "P-256", x, y };
  }

  static async generate(): Promise<DeviceKey> {
    const curve = { name: "ECDSA", namedCurve: "P-256" };
    const pair = await subtle.generateKey(curve, true, ["sign", "verify"]);
    return new DeviceKey(pair.privateKey, await subtle.exportKey("jwk", pair.publicKey));
  }

  async sign(header: Claims, claims: Claims): Promise<string> {
    const [head, body] = [header, claims].map((part) => toBase64url(utf8(JSON.stringify(part))));
    const signed = `${head}.${body}`;
    const algorithm = { name: "ECDSA", hash: "SHA-256" };
    const signature = await subtle.sign(algorithm, this.#private, Buffer.from(signed));
    return `${signed}.${toBase64url(new Uint8Array(signature))}`;
  }

  dpop(claims: Claims, header: Claims = {}): Promise<string> {
    return this.sign({ typ: "dpop+jwt", alg: "ES256", jwk: this.jwk, ...header }, claims);
  }

  /** A proof of a browser (DBSC). Browsers send the key only with a registration. */
  dbsc(challenge: string, header: Claims = {}): Promise<string> {
    return this.sign({ typ: "dbsc+jwt", alg: "ES256", ...header }, { jti: challenge });
  }
}

/** The same proof with n − s in place of s, which anybody can compute. */
export function withOtherSignature(proof: string): string {
  const [head, body, signature = ""] = proof.split(".");
  const bytes = Buffer.from(signature, "base64url");
  const s = N - BigInt(`0x${bytes.subarray(32).toString("hex")}`);
  const other = Buffer.concat([
    bytes.subarray(0, 32),
    Buffer.from(s.toString(16).padStart(64, "0"), "hex"),
  ]);
  return `${head}.${body}.${toBase64url(other)}`;
}

export function hashOf(token: string): string {
  return toBase64url(sha256(utf8(token)));
}

let serial = 0;

/** A client that has a key. It keeps its tokens and the last challenge. */
export class Phone {
  token: string | undefined;
  renewal: string | undefined;
  challenge: string | undefined;

  private constructor(readonly key: DeviceKey) {}

  static async new(): Promise<Phone> {
    return new Phone(await DeviceKey.generate());
  }

  /** A phone with a session that is bound to its key. */
  static async bound(sessions: Sessions<Account>, now: number): Promise<Phone> {
    const phone = await Phone.new();
    const request = await phone.proving("POST", "/sign-in", now);
    await phone.visit(sessions, now, request, (session) => session.start(ada()));
    return phone;
  }

  /** What a thief has who copies the tokens, and has another key. */
  copy(key = this.key): Phone {
    const copy = new Phone(key);
    [copy.token, copy.renewal, copy.challenge] = [this.token, this.renewal, this.challenge];
    return copy;
  }

  /** A request without a proof. The state token is in this scheme. */
  bare(scheme: string, method: string, target: string): Sent {
    const headers: [string, string][] = [];
    if (this.token !== undefined) headers.push(["authorization", `${scheme} ${this.token}`]);
    if (this.renewal !== undefined) headers.push(["session-renewal", this.renewal]);
    return new Sent(method, target, headers);
  }

  get(): Sent {
    return this.bare("DPoP", "GET", "/balance");
  }

  /** A request with a proof for it. */
  async proving(method: string, target: string, now: number): Promise<Sent> {
    const proof = await this.key.dpop(this.claims(method, target, now));
    return this.bare("DPoP", method, target).with("dpop", proof);
  }

  /** The claims of a proof for a request at `now`. Each proof has another id. */
  claims(method: string, target: string, now: number, address = HERE): Claims {
    serial += 1;
    const [path] = target.split("?");
    return {
      jti: String(serial),
      htm: method,
      htu: `${address}${path}`,
      iat: now,
      ...(this.token === undefined ? {} : { ath: hashOf(this.token) }),
      ...(this.challenge === undefined ? {} : { nonce: this.challenge }),
    };
  }

  async visit<R>(
    sessions: Sessions<Account>,
    now: number,
    request: Sent,
    handler: (session: Session<Account>) => R,
  ): Promise<R> {
    const session = await request.load(sessions, now);
    try {
      return handler(session);
    } finally {
      this.receive(session);
    }
  }

  /** Closes the session, and stores what the response says. */
  receive(session: Session<Account>): Line[] {
    const lines = [...session.commit()];
    for (const { name, value } of lines) this.learn(name, value);
    return lines;
  }

  learn(name: string, text: string): void {
    const value = text === "" ? undefined : text;
    if (name === "session-token") this.token = value;
    if (name === "session-renewal") this.renewal = value;
    if (name === "dpop-nonce") this.challenge = value;
  }
}

/** A request of the phone. */
export class Sent {
  constructor(
    readonly method: string,
    readonly target: string,
    readonly headers: readonly (readonly [string, string])[],
  ) {}

  with(name: string, value: string): Sent {
    return new Sent(this.method, this.target, [...this.headers, [name, value]]);
  }

  without(name: string): Sent {
    const headers = this.headers.filter(([header]) => header !== name);
    return new Sent(this.method, this.target, headers);
  }

  valueOf(name: string): string {
    return this.headers.find(([header]) => header === name)?.[1] ?? "";
  }

  /** The session, whose proof is not verified yet. */
  read(sessions: Sessions<Account>, now: number, target?: string): Session<Account> {
    const values = (name: string) =>
      this.headers.filter(([header]) => header === name).map(([, value]) => value);
    const parts = { method: this.method, values, target: target ?? this.target };
    return sessions.load(parts, { now });
  }

  /** The session as an adapter gives it to a handler. */
  async load(sessions: Sessions<Account>, now: number): Promise<Session<Account>> {
    const session = this.read(sessions, now);
    await session.revalidate();
    return session;
  }
}

export const MINUTE = 60;
export const OVER = { over: "bearer" } as const;

export interface Server {
  readonly sessions: Sessions<Account>;
  readonly events: Event[];
}

export function build(
  keys: readonly string[] = [keyText()],
  dpop: Partial<DpopOptions> = {},
  more: Partial<SessionsOptions<Account>> = {},
): Server {
  const events: Event[] = [];
  const sessions = new Sessions({
    ring: ring(...keys),
    payload: account,
    cookie: new Cookie(),
    dpop: { address: HERE, ...dpop },
    onEvent: (event) => void events.push(event),
    ...more,
  });
  return { sessions, events };
}

/** Why the last proof was refused. */
export function refusedIn(events: Event[]): string | undefined {
  const found = events.splice(0).find((event) => event.kind === "proof-refused");
  return found?.kind === "proof-refused" ? found.code : undefined;
}

/** The status and the challenge of the response if there is no session. */
export function deniedBy(run: () => unknown): readonly [number, string | undefined] {
  try {
    run();
  } catch (error) {
    if (error instanceof Denied) return [error.status, error.headers["www-authenticate"]];
    throw error;
  }
  throw new Error("not denied");
}

export const deniedOf = (session: Session<Account>) => deniedBy(() => session.require());

export const names = (lines: Iterable<{ readonly name: string }>) => [...lines].map(({ name }) => name);

export const ASKED = ["dpop-nonce", "cache-control", "vary"];
