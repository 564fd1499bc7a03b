// Key rings: their keys, the schedule of each key, and the text form (section 8 of the
// specification).

import { fromUtf8, utf8Length } from "./bytes.js";
import { KeyError, RingError } from "./errors.js";
import { Key, keyFromText, refuseUnfit, refuseWeak } from "./key.js";
import { formatInstant, parseInstant, secondOf, unixNow } from "./time.js";

/** The maximum number of keys in a ring. */
export const MAX_KEYS = 64;

/** The maximum length of a ring's text: 64 KiB. */
export const MAX_RING_LENGTH = 65_536;

/** A key of a ring with its schedule. Times are in seconds since 1970. */
export interface RingEntry {
  readonly key: Key;
  /** The time from which the key may be primary. Before it, it only opens tokens. Default: 0. */
  readonly primaryFrom?: number;
  /** The time until which the key opens its tokens. Without it, there is no limit. */
  readonly openUntil?: number | undefined;
}

/** An entry of a ring without its secret. Times are in seconds since 1970. */
export interface Schedule {
  /** The public id of the key. */
  readonly keyId: string;
  /** The time from which the key may be primary. */
  readonly primaryFrom: number;
  /** The time until which the key opens its tokens. `undefined` if there is no limit. */
  readonly openUntil: number | undefined;
}

/** A key with its schedule, as this package uses it. */
export interface RingKey extends Schedule {
  readonly key: Key;
}

/**
 * A ring, or a handle to a ring that can be replaced while it is in use.
 *
 * `KeyRing` and `RingHandle` are the two classes that fit.
 */
export interface Ring {
  /** The ring in use. */
  readonly ring: KeyRing;
  /** @internal Called when a token names a key that the ring does not have. */
  missed?(): void;
}

/** The keys of a ring with their secrets. The class sets it, because its fields are private. */
let keysOf: (ring: KeyRing) => readonly RingKey[];

/** The key of a ring that has this id (step 5 of section 7 of the specification). */
export let keyById: (ring: KeyRing, id: string) => RingKey | undefined;

/**
 * A list of 1 to 64 keys, each with the times at which it is used.
 *
 * The text form has one key per line and `#` comments. `;` also ends a line, so that a ring fits an
 * environment variable:
 *
 * ```text
 * # primary until December, opens until the new year
 * bulla-key-1.….9f3a12c4  open-until=2027-01-01T00:00:00Z
 * bulla-key-1.….04be77d1  primary-from=2026-12-01T00:00:00Z
 * ```
 *
 * Every server that has this text changes to the new key at the same instant, by its own clock.
 *
 * ```ts
 * const ring = KeyRing.parse(process.env.BULLA_KEYS ?? "");
 * ring.primaryAt(); // "04be77d1"
 * ```
 */
export class KeyRing implements Ring {
  /** The serial number of the text, from a line such as `# serial: 7`. */
  readonly serial: bigint | undefined;
  readonly #keys: readonly RingKey[];
  readonly #byId: ReadonlyMap<string, RingKey>;

  /**
   * Makes a ring from entries and keeps their order.
   *
   * @throws {@link RingError} if there are no entries or more than 64, if two have the same key id,
   * or if a key's `openUntil` is not after its `primaryFrom`. Its line is the number of the entry,
   * counted from 1.
   */
  constructor(entries: Iterable<RingEntry>, options: { readonly serial?: bigint } = {}) {
    const keys = new Map<string, RingKey>();
    let line = 0;
    for (const entry of entries) {
      line += 1;
      push(keys, entry, line);
    }
    if (keys.size === 0) throw new RingError("empty", 0);
    this.#byId = keys;
    this.#keys = [...keys.values()];
    this.serial = options.serial;
  }

  /** Makes a ring with one new key, which is always primary. */
  static generate(): KeyRing {
    return new KeyRing([{ key: Key.generate() }]);
  }

  /**
   * Reads the text of a ring, or the bytes of a file.
   *
   * @throws {@link RingError}, which names the line and never repeats its content.
   */
  static parse(text: string | Uint8Array): KeyRing {
    return parseRing(text, refuseUnfit);
  }

  /** The ring itself, so that a ring can be used in place of a handle. */
  get ring(): KeyRing {
    return this;
  }

  /** The schedule of each key, in the order of the ring. */
  get entries(): readonly Schedule[] {
    return this.#keys.map(({ keyId, primaryFrom, openUntil }) => ({
      keyId,
      primaryFrom,
      openUntil,
    }));
  }

  /**
   * The id of the primary key at `now`: the key that seals and signs. `undefined` if there is none.
   *
   * A key can be primary if its `primary-from` is not after `now` and its `open-until`, if any, is
   * after `now`. Among these keys, the one with the latest `primary-from` is primary. If several
   * have the same, it is the first of them in the ring.
   */
  primaryAt(now: number = unixNow()): string | undefined {
    return primaryKey(this, secondOf(now))?.keyId;
  }

  /** The secret text form, one key per line. Anyone who has this text can forge tokens. */
  exposeText(): string {
    const serial = this.serial === undefined ? "" : `# serial: ${this.serial}\n`;
    return serial + this.#keys.map(lineOf).join("");
  }

  /** Names the ring by its key ids, without the keys. */
  toString(): string {
    return `KeyRing(${this.#keys.map((key) => key.keyId).join(" ")})`;
  }

  /** @internal */
  static {
    keysOf = (ring) => ring.#keys;
    keyById = (ring, id) => ring.#byId.get(id);
  }
}

function lineOf(entry: RingKey): string {
  const from = entry.primaryFrom > 0 ? ` primary-from=${formatInstant(entry.primaryFrom)}` : "";
  const until =
    entry.openUntil === undefined ? "" : ` open-until=${formatInstant(entry.openUntil)}`;
  return `${entry.key.exposeText()}${from}${until}\n`;
}

function push(keys: Map<string, RingKey>, entry: RingEntry, line: number): void {
  const { key } = entry;
  const primaryFrom = secondOf(entry.primaryFrom ?? 0);
  const openUntil = entry.openUntil === undefined ? undefined : secondOf(entry.openUntil);
  if (keys.size === MAX_KEYS) throw new RingError("too-many-keys", line);
  if (keys.has(key.id)) throw new RingError("duplicate-key", line);
  if (openUntil !== undefined && openUntil <= primaryFrom) {
    throw new RingError("never-primary", line);
  }
  keys.set(key.id, { key, keyId: key.id, primaryFrom, openUntil });
}

/** Whether a key opens its tokens at `now`. */
export function isOpenAt(key: Schedule, now: number): boolean {
  return key.openUntil === undefined || now < key.openUntil;
}

/** The primary key at `now`, with its secret. */
export function primaryKey(ring: KeyRing, now: number): RingKey | undefined {
  let primary: RingKey | undefined;
  for (const key of keysOf(ring)) {
    if (key.primaryFrom > now || !isOpenAt(key, now)) continue;
    if (primary === undefined || key.primaryFrom > primary.primaryFrom) primary = key;
  }
  return primary;
}

/** Reads a ring text that may contain example keys, as the vectors of the specification do. */
export function parseRingWithExamples(text: string | Uint8Array): KeyRing {
  return parseRing(text, refuseWeak);
}

/** Reads a ring text. `fitness` rejects keys, with a {@link KeyError}. */
function parseRing(text: string | Uint8Array, fitness: (key: Key) => void): KeyRing {
  const whole = checkedText(text);
  const keys = new Map<string, RingKey>();
  let serial: bigint | undefined;
  let number = 0;
  for (const line of whole.split(/\r\n|\n|;/)) {
    number += 1;
    serial ??= serialIn(line);
    const entry = entryIn(line, number, fitness);
    if (entry !== undefined) push(keys, entry, number);
  }
  return new KeyRing(keys.values(), serial === undefined ? {} : { serial });
}

/** The rules for the text as a whole. */
function checkedText(text: string | Uint8Array): string {
  // An environment variable that is not set is undefined.
  if (typeof text !== "string" && !ArrayBuffer.isView(text)) throw new RingError("not-text", 0);
  const length = typeof text === "string" ? utf8Length(text) : text.length;
  if (length > MAX_RING_LENGTH) throw new RingError("too-long", 0);
  const whole = typeof text === "string" ? text : decoded(text);
  if (whole.startsWith("\ufeff")) throw new RingError("byte-order-mark", 1);
  return whole;
}

/** Decodes the bytes of a ring text. The error names the line of the first wrong byte. */
function decoded(bytes: Uint8Array): string {
  const whole = fromUtf8(bytes);
  if (whole !== undefined) return whole;
  let line = 1;
  let start = 0;
  for (let i = 0; i <= bytes.length; i += 1) {
    if (i < bytes.length && bytes[i] !== 0x0a && bytes[i] !== 0x3b) continue;
    // The ends of lines are ASCII, so no character goes beyond its line.
    if (fromUtf8(bytes.subarray(start, i)) === undefined) break;
    line += 1;
    start = i + 1;
  }
  throw new RingError("not-utf8", line);
}

function entryIn(line: string, number: number, fitness: (key: Key) => void): RingEntry | undefined {
  const comment = line.indexOf("#");
  const content = comment < 0 ? line : line.slice(0, comment);
  const [keyText, ...attributes] = content.split(/[ \t]+/).filter((word) => word !== "");
  if (keyText === undefined) return undefined;
  return { key: keyIn(keyText, number, fitness), ...timesIn(attributes, number) };
}

function keyIn(text: string, line: number, fitness: (key: Key) => void): Key {
  try {
    const key = keyFromText(text);
    fitness(key);
    return key;
  } catch (error) {
    throw error instanceof KeyError ? new RingError("key", line, error.message) : error;
  }
}

function timesIn(
  attributes: readonly string[],
  line: number,
): { primaryFrom?: number; openUntil?: number } {
  const times: { primaryFrom?: number; openUntil?: number } = {};
  for (const attribute of attributes) {
    const end = attribute.indexOf("=");
    const name = ATTRIBUTES.get(attribute.slice(0, Math.max(end, 0)));
    if (name === undefined) throw new RingError("unknown-attribute", line);
    const instant = parseInstant(attribute.slice(end + 1));
    if (instant === undefined) throw new RingError("instant", line);
    if (times[name] !== undefined) throw new RingError("repeated-attribute", line);
    times[name] = instant;
  }
  return times;
}

const ATTRIBUTES: ReadonlyMap<string, "primaryFrom" | "openUntil"> = /* @__PURE__ */ new Map([
  ["primary-from", "primaryFrom"],
  ["open-until", "openUntil"],
]);

/** The serial number in a line of the form `# serial: N`. */
function serialIn(line: string): bigint | undefined {
  const digits = /^[ \t\n\f\r]*# serial: ([0-9]+)[ \t\n\f\r]*$/.exec(line)?.[1];
  if (digits === undefined) return undefined;
  const serial = BigInt(digits);
  return serial < 2n ** 64n ? serial : undefined;
}
