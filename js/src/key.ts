// Keys: their bytes, ids and text form, and the checks that reject weak keys.

import { concat, equalBytes, hex, randomBytes, toBase64url, utf8 } from "./bytes.js";
import { KeyError } from "./errors.js";
import { SealingKey, SigningKey, hkdf, sha256 } from "./primitives.js";

const KEY_LENGTH = 32;
const TEXT_PREFIX = "bulla-key-1.";
const ENCODED_LENGTH = 43;
const TEXT_LENGTH = TEXT_PREFIX.length + ENCODED_LENGTH + 1 + 8;

/** The number of example keys in the specification (section 3.2). */
const EXAMPLE_KEYS = 16;

/** Access to the private fields of keys, for the functions of this file. */
interface Inside {
  make(bytes: Uint8Array): Key;
  bytes(key: Key): Uint8Array;
  idBytes(key: Key): Uint8Array;
  sealing(key: Key): WeakMap<Uint8Array, SealingKey>;
  signing(key: Key): WeakMap<Uint8Array, SigningKey>;
}

let inside: Inside;

/**
 * A secret key of 32 random bytes.
 *
 * Its bytes are in a private field, so that neither `console.log` nor `JSON.stringify` shows them.
 * The text form is `bulla-key-1.<43 characters>.<id>`, 64 characters (section 3.1 of the
 * specification). Secret scanners can find it by its prefix.
 *
 * ```ts
 * const key = Key.generate();
 * const again = Key.parse(key.exposeText());
 * again.id === key.id; // true
 * ```
 */
export class Key {
  /**
   * The public id of the key, 8 hexadecimal digits, which is derived one-way from its bytes. Every
   * token that is made with the key contains this id.
   */
  readonly id: string;
  /** The bytes of `id`. */
  readonly #idBytes: Uint8Array;
  readonly #bytes: Uint8Array;
  // The subkeys of each purpose. The purposes of an application are few and live as long as it.
  readonly #sealing = new WeakMap<Uint8Array, SealingKey>();
  readonly #signing = new WeakMap<Uint8Array, SigningKey>();

  private constructor(bytes: Uint8Array) {
    this.#bytes = new Uint8Array(bytes); // slice() of a Buffer would not copy
    this.#idBytes = hkdf(this.#bytes, utf8("bulla/1/key-id"), 4);
    this.id = hex(this.#idBytes);
  }

  /**
   * Makes a key with the random generator of the platform.
   *
   * @throws {@link RandomError} if that generator fails.
   */
  static generate(): Key {
    return new Key(randomBytes(KEY_LENGTH));
  }

  /**
   * Makes a key from 32 uniformly random bytes, for example from a key management service.
   *
   * @throws {@link KeyError} `malformed`, `low-entropy` or `example-key`.
   */
  static fromBytes(bytes: Uint8Array): Key {
    const key = uncheckedKey(bytes);
    refuseUnfit(key);
    return key;
  }

  /**
   * Reads the text form.
   *
   * @throws {@link KeyError} `malformed`, `id-mismatch`, `low-entropy` or `example-key`.
   */
  static parse(text: string): Key {
    const key = keyFromText(text);
    refuseUnfit(key);
    return key;
  }

  /** The secret text form. Anyone who has this text can forge tokens. */
  exposeText(): string {
    return `${TEXT_PREFIX}${toBase64url(this.#bytes)}.${this.id}`;
  }

  /** Names the key by its id, without its bytes. */
  toString(): string {
    return `Key(${this.id})`;
  }

  /** @internal What the other files of this package may do with the secret bytes. */
  static {
    inside = {
      make: (bytes) => new Key(bytes),
      bytes: (key) => key.#bytes,
      idBytes: (key) => key.#idBytes,
      sealing: (key) => key.#sealing,
      signing: (key) => key.#signing,
    };
  }
}

/** The four bytes of a key's id. */
export function keyIdBytes(key: Key): Uint8Array {
  return inside.idBytes(key);
}

/**
 * The sealing key of a purpose (section 3 of the specification).
 *
 * The derived key is remembered for this very array, so the array must not be changed. An array
 * that is made anew for each token works, but costs a derivation each time.
 */
export function sealingKey(key: Key, purpose: Uint8Array): SealingKey {
  const known = inside.sealing(key).get(purpose);
  if (known !== undefined) return known;
  const made = new SealingKey(deriveSubkey(key, "bulla/1/seal", purpose));
  inside.sealing(key).set(purpose, made);
  return made;
}

/** The signing key of a purpose. See {@link sealingKey}. */
export function signingKey(key: Key, purpose: Uint8Array): SigningKey {
  const known = inside.signing(key).get(purpose);
  if (known !== undefined) return known;
  const made = new SigningKey(deriveSubkey(key, "bulla/1/sign", purpose));
  inside.signing(key).set(purpose, made);
  return made;
}

/** The subkey for a label and a purpose (section 3 of the specification). */
export function deriveSubkey(
  key: Key,
  label: "bulla/1/seal" | "bulla/1/sign",
  purpose: Uint8Array,
): Uint8Array {
  return hkdf(inside.bytes(key), concat(utf8(`${label}\0`), purpose), KEY_LENGTH);
}

/** Makes a key from 32 bytes, and accepts weak keys and example keys. */
export function uncheckedKey(bytes: Uint8Array): Key {
  if (bytes.length !== KEY_LENGTH) throw new KeyError("malformed");
  return inside.make(bytes);
}

/** Reads the text form and checks the id, but accepts weak keys and example keys. */
export function keyFromText(text: string): Key {
  // The text is split at fixed positions, because a search for the dot would branch on the
  // characters of the key.
  if (typeof text !== "string") throw new KeyError("malformed");
  const end = TEXT_PREFIX.length + ENCODED_LENGTH;
  const id = text.slice(end + 1);
  const shaped =
    text.length === TEXT_LENGTH &&
    text.startsWith(TEXT_PREFIX) &&
    text.charAt(end) === "." &&
    /^[0-9a-f]{8}$/.test(id);
  const bytes = shaped ? decodeKey(text, TEXT_PREFIX.length) : undefined;
  if (bytes === undefined) throw new KeyError("malformed");
  const key = inside.make(bytes);
  bytes.fill(0);
  if (key.id !== id) throw new KeyError("id-mismatch");
  return key;
}

/**
 * Decodes the 43 characters of a key from `start` on.
 *
 * Tokens are decoded with a table. The places that are read in a table depend on the text, so keys
 * are decoded with arithmetic only.
 */
function decodeKey(text: string, start: number): Uint8Array | undefined {
  const bytes = new Uint8Array(KEY_LENGTH);
  let wrong = 0;
  let bits = 0;
  let at = 0;
  for (let i = 0; i < ENCODED_LENGTH; i += 1) {
    const sextet = sextetOf(text.charCodeAt(start + i));
    wrong |= sextet;
    bits = ((bits << 6) | (sextet & 63)) & 0xffff;
    // Of each four characters, the second to fourth complete a byte.
    if (i % 4 !== 0) bytes[at++] = bits >> (6 - 2 * (i % 4));
  }
  // The 43 characters have 258 bits, and the last two must be zero.
  return (wrong & 64) === 0 && (bits & 3) === 0 ? bytes : undefined;
}

/** The six bits of a base64url character, and 64 for any other, without branches. */
function sextetOf(code: number): number {
  const upper = within(code, 0x41, 0x5a);
  const lower = within(code, 0x61, 0x7a);
  const digit = within(code, 0x30, 0x39);
  const minus = within(code, 0x2d, 0x2d);
  const underscore = within(code, 0x5f, 0x5f);
  const known = upper | lower | digit | minus | underscore;
  return (
    (upper & (code - 0x41)) |
    (lower & (code - 0x61 + 26)) |
    (digit & (code - 0x30 + 52)) |
    (minus & 62) |
    (underscore & 63) |
    (~known & 64)
  );
}

/** All bits if `first` <= `code` <= `last`, and none if not. */
function within(code: number, first: number, last: number): number {
  return ~((code - first) >> 31) & ~((last - code) >> 31);
}

/**
 * Rejects weak keys and example keys (section 3.2 of the specification).
 *
 * The code branches on the results of the checks, but not on the bytes of the key.
 */
export function refuseUnfit(key: Key): void {
  refuseWeak(key);
  if (isExample(inside.bytes(key))) throw new KeyError("example-key");
}

/** Rejects weak keys only. The vectors of the specification use the example keys. */
export function refuseWeak(key: Key): void {
  const bytes = inside.bytes(key);
  const differences = bytes.slice(1).map((byte, i) => byte - bytes[i]!);
  let unprintable = 0;
  for (const byte of bytes) unprintable |= ~within(byte, 0x20, 0x7e);
  const few = distinct(bytes) < 16;
  const counts = distinct(differences) < 8;
  if (few || counts || unprintable === 0) throw new KeyError("low-entropy");
}

/**
 * Counts the distinct values.
 *
 * Every value is compared with all others. With a table indexed by the value, the addresses that
 * are read would depend on the key.
 */
function distinct(values: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < values.length; i += 1) {
    let seen = 0;
    for (let j = 0; j < i; j += 1) seen |= within(values[i]! ^ values[j]!, 0, 0);
    count += 1 + seen; // seen is -1 if an earlier value is equal
  }
  return count;
}

function isExample(bytes: Uint8Array): boolean {
  let is = false;
  for (let number = 1; number <= EXAMPLE_KEYS; number += 1) {
    const example = sha256(utf8(`bulla/1 example key ${number}`));
    is = equalBytes(example, bytes) || is;
  }
  return is;
}
