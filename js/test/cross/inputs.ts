// What this package says about one input of the fuzzer, as one line of text. The same functions in
// Rust are in crates/bulla-cross/src/outcome.rs, and the two texts must be equal.

import { fromUtf8, latin1 } from "../../src/bytes.js";
import {
  Bearer,
  Cookie,
  Key,
  KeyRing,
  OpenError,
  PayloadError,
  Policy,
  RevocationError,
  RingError,
  Sealer,
  SessionError,
  Sessions,
  Signer,
  formatRevocation,
  json,
  parseRevocation,
  payload,
  readUnverified,
} from "../../src/index.js";
import type { Encoding, Line, Opened, Session } from "../../src/index.js";
import { KeyError } from "../../src/errors.js";

type Three = readonly [number, number, number];

/** A payload of exactly `length` bytes. */
function exactly(length: number): Encoding<readonly number[]> {
  return {
    name: "postcard",
    encode: (value) => Uint8Array.from(value),
    decode: (bytes) => {
      if (bytes.length !== length) throw new PayloadError("another length");
      return [...bytes];
    },
  };
}

const Three = payload<Three, readonly number[]>({
  purpose: "fuzz.example/three",
  schemaVersion: 3,
  encoding: exactly(3) as unknown as Encoding<Three>,
  previous: payload({ purpose: "fuzz.example/three", encoding: exactly(1) }),
  upgrade: ([a = 0]) => [a, 0, 0],
});

const Any = payload({ purpose: "fuzz.example/any", encoding: json<unknown>() });

/** The line about an input. `ringText` is the ring of the readers. */
export function inputsOf(ringText: string): (input: readonly unknown[]) => string {
  const ring = KeyRing.parse(ringText);
  const readers = [{ lifetime: 5_000, maxLength: 500 }, { lifetime: Infinity }];
  const sealers = readers.map((reader) => new Sealer({ ring, payload: Three, ...reader }));
  const signers = readers.map((reader) => new Signer({ ring, payload: Three, ...reader }));
  const anySigner = new Signer({ ring, payload: Any, lifetime: Infinity });
  const sessions = sessionsOf(ring);

  function opened([mode, which, now, text]: readonly [number, number, number, string]): string {
    const token = tokenOf(text);
    const reader = mode === 0 ? sealers[which] : signers[which];
    const read = () =>
      reader instanceof Sealer ? reader.open(token, { now }) : reader?.verify(token, { now });
    return content(read, (three) => three.join(","));
  }

  return ([kind, ...input]) => {
    switch (kind) {
      case "open":
        return opened(input as unknown as Parameters<typeof opened>[0]);
      case "any": {
        const [now, text] = input as [number, string];
        return content(() => anySigner.verify(tokenOf(text), { now }), () => "json");
      }
      case "unverified":
        return unverified(input[0] as string);
      case "key":
        return key(input[0] as string);
      case "ring":
        return ringLine(input[0] as string, input[1] as number[]);
      case "revocation":
        return revocation(input[0] as string);
      default:
        return session(sessions, input as unknown as SessionInput);
    }
  };
}

/**
 * The text has one character for each byte. Half of the tokens in UTF-8 are read as strings and the
 * others as bytes.
 */
function tokenOf(text: string): string | Uint8Array {
  const bytes = latin1(text);
  return (text.length % 2 === 0 ? fromUtf8(bytes) : undefined) ?? bytes;
}

function content<T>(read: () => Opened<T> | undefined, shown: (value: T) => string): string {
  return named(OpenError, () => {
    const opened = read();
    if (opened === undefined) return "there is no reader";
    const { issuedAt, expiresAt, keyId, payload } = opened;
    return `ok ${issuedAt} ${expiresAt} ${keyId} ${shown(payload)}`;
  });
}

function unverified(text: string): string {
  return named(OpenError, () => {
    const read = readUnverified(tokenOf(text), Any);
    return `ok ${read.unverifiedIssuedAt} ${read.unverifiedExpiresAt} ${read.unverifiedKeyId}`;
  });
}

function key(text: string): string {
  return named(KeyError, () => `ok ${Key.parse(text).id}`);
}

function ringLine(text: string, times: readonly number[]): string {
  try {
    const ring = KeyRing.parse(latin1(text));
    const entries = ring.entries.map(
      ({ keyId, primaryFrom, openUntil }) => `${keyId} ${primaryFrom} ${openUntil ?? "-"} `,
    );
    const primaries = times.map((time) => ` ${ring.primaryAt(time) ?? "-"}`);
    return `ok ${entries.join("")}serial ${ring.serial ?? "-"}${primaries.join("")}`;
  } catch (error) {
    return error instanceof RingError ? `${error.code} ${error.line}` : unnamed(error);
  }
}

function revocation(line: string): string {
  try {
    return formatRevocation(parseRevocation(line));
  } catch (error) {
    return error instanceof RevocationError ? "refused" : unnamed(error);
  }
}

/** The result of `run`, or the code of the error of this class. Any other error is a fault. */
function named(
  kind: abstract new (...args: never[]) => Error & { readonly code: string },
  run: () => string,
): string {
  try {
    return run();
  } catch (error) {
    return error instanceof kind ? error.code : unnamed(error);
  }
}

function unnamed(error: unknown): string {
  return `an error that is not of this package: ${String(error)}`;
}

type SessionInput = readonly [
  settings: number,
  now: number,
  action: string,
  cookie: readonly string[],
  authorization: readonly string[],
  renewal: readonly string[],
];

function sessionsOf(ring: KeyRing): readonly Sessions<Three>[] {
  const shared = { ring, payload: Three, bearer: new Bearer() };
  const remembered = Policy.aal1().with({ idleTimeout: 14 * 86_400 });
  return [
    new Sessions({ ...shared, cookie: new Cookie() }),
    new Sessions({ ...shared, cookie: new Cookie({ split: true }) }),
    new Sessions({ ...shared, cookie: new Cookie({ split: true, persistent: true }), remembered }),
  ];
}

function session(all: readonly Sessions<Three>[], input: SessionInput): string {
  const [settings, now, action, cookie, authorization, renewal] = input;
  const headers: Record<string, readonly string[]> = {
    cookie,
    authorization,
    "session-renewal": renewal,
  };
  try {
    const loaded = all[settings]?.load(
      { method: "GET", values: (name) => headers[name] ?? [] },
      { now },
    );
    if (loaded === undefined) return "there are no sessions with these settings";
    const lines = [shown(loaded) + act(loaded, action)];
    for (const line of loaded.commit()) lines.push(withoutToken(line));
    return lines.join(" | ");
  } catch (error) {
    return unnamed(error);
  }
}

function shown(session: Session<Three>): string {
  const { status, info, data } = session;
  const name = status.kind === "refused" ? status.refusal.code : status.kind;
  if (info === undefined || data === undefined) return name;
  const { id, origin, startedAt, reauthenticatedAt, lastSeen, idleExpiresAt, expiresAt } = info;
  const remembered = info.remembered ? "remembered" : "ordinary";
  const times = [startedAt, reauthenticatedAt, lastSeen, idleExpiresAt, expiresAt].join(" ");
  const facts = `${id} ${origin} ${remembered} ${times} ${info.keyId} ${info.tokenLength}`;
  return `${name} ${facts} ${data.join(",")}`;
}

/** Does what a handler could do. Returns the code of its error. */
function act(session: Session<Three>, action: string): string {
  try {
    if (action === "ignore") session.ignoreActivity();
    if (action === "set") session.set([7, 8, 9]);
    if (action === "reauthenticate") session.reauthenticated();
    if (action === "start") session.start([7, 8, 9]);
    if (action === "end") session.end();
    return "";
  } catch (error) {
    if (error instanceof SessionError) return ` ${error.code}`;
    throw error;
  }
}

/** A line in which the length of each token replaces the token, because it is different each time. */
function withoutToken({ name, value, rule, sensitive }: Line): string {
  const cookie = name === "set-cookie" ? /^([^=]*)=([^;]*);(.*)$/.exec(value) : null;
  if (cookie !== null) return `${rule} ${name}: ${cookie[1]}=${cookie[2]?.length};${cookie[3]}`;
  return `${rule} ${name}: ${sensitive ? value.length : value}`;
}
