// Bytes and text: base64url, varints, hexadecimal, UTF-8, and comparison in constant time,
// and random bytes.

import { RandomError } from "./errors.js";

const ENCODER = /* @__PURE__ */ new TextEncoder();
const UTF8 = /* @__PURE__ */ new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** The character code of each six bits. */
const CODES: Uint8Array = /* @__PURE__ */ latin1(ALPHABET);

/** The six bits of each byte of text, and 64 for bytes outside the alphabet. */
const BITS: Uint8Array = /* @__PURE__ */ Uint8Array.from({ length: 256 }, (_, code) => {
  const bits = ALPHABET.indexOf(String.fromCharCode(code));
  return bits < 0 ? 64 : bits;
});

/** Encodes bytes as base64url without padding. */
export function toBase64url(bytes: Uint8Array): string {
  const text = new Uint8Array(Math.ceil((bytes.length * 4) / 3));
  const whole = bytes.length - (bytes.length % 3);
  let at = 0;
  for (let i = 0; i < whole; i += 3) {
    const bits = (bytes[i]! << 16) | (bytes[i + 1]! << 8) | bytes[i + 2]!;
    text[at++] = CODES[bits >> 18]!;
    text[at++] = CODES[(bits >> 12) & 63]!;
    text[at++] = CODES[(bits >> 6) & 63]!;
    text[at++] = CODES[bits & 63]!;
  }
  if (bytes.length > whole) {
    const bits = (bytes[whole]! << 16) | ((bytes[whole + 1] ?? 0) << 8);
    text[at++] = CODES[bits >> 18]!;
    text[at++] = CODES[(bits >> 12) & 63]!;
    if (at < text.length) text[at++] = CODES[(bits >> 6) & 63]!;
  }
  return UTF8.decode(text);
}

/**
 * Decodes base64url from position `start` on, in the only encoding that each byte string has
 * (section 2 of the specification). `undefined` if the text is another.
 */
export function fromBase64url(text: string | Uint8Array, start = 0): Uint8Array | undefined {
  // Characters outside ASCII have no bytes below 0x80 in UTF-8, so none of them is in the alphabet.
  const codes = typeof text === "string" ? utf8(text) : text;
  const length = codes.length - start;
  const rest = length % 4;
  if (rest === 1) return undefined;
  const bytes = new Uint8Array((length * 3) >> 2);
  const whole = codes.length - rest;
  let wrong = 0;
  let at = 0;
  for (let i = start; i < whole; i += 4) {
    const a = BITS[codes[i]!]!;
    const b = BITS[codes[i + 1]!]!;
    const c = BITS[codes[i + 2]!]!;
    const d = BITS[codes[i + 3]!]!;
    wrong |= a | b | c | d;
    bytes[at++] = (a << 2) | (b >> 4);
    bytes[at++] = (b << 4) | (c >> 2);
    bytes[at++] = (c << 6) | d;
  }
  if (rest >= 2) {
    const a = BITS[codes[whole]!]!;
    const b = BITS[codes[whole + 1]!]!;
    const c = rest === 3 ? BITS[codes[whole + 2]!]! : 0;
    // The bits after the last byte must be zero.
    const trailing = rest === 3 ? c & 3 : b & 15;
    wrong |= a | b | c | (trailing === 0 ? 0 : 64);
    bytes[at++] = (a << 2) | (b >> 4);
    if (rest === 3) bytes[at++] = (b << 4) | (c >> 2);
  }
  return (wrong & 64) === 0 ? bytes : undefined;
}

/** Joins byte strings. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** The bytes of a text in UTF-8. */
export function utf8(text: string): Uint8Array {
  return ENCODER.encode(text);
}

/** The text of bytes in UTF-8. A byte order mark is kept. `undefined` if they are not UTF-8. */
export function fromUtf8(bytes: Uint8Array): string | undefined {
  try {
    return UTF8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** The number of bytes of a text in UTF-8. Half a surrogate pair counts as 3. */
export function utf8Length(text: string): number {
  let length = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    length += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x1_0000 ? 3 : 4;
  }
  return length;
}

/**
 * Random bytes of the platform.
 *
 * They come from the operating system, because a generator in the process would repeat its output
 * after a snapshot of the machine is restored.
 *
 * @throws {@link RandomError} if the generator fails.
 */
export function randomBytes(length: number): Uint8Array {
  try {
    return globalThis.crypto.getRandomValues(new Uint8Array(length));
  } catch {
    throw new RandomError();
  }
}

/**
 * The bytes of a text with one character, U+0000 to U+00FF, for each byte. HTTP headers have this
 * form in `Headers` and in Node.
 */
export function latin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/**
 * A token in a header value, which has one character for each octet. A text of ASCII characters may
 * stay a text.
 */
export function octets(text: string): string | Uint8Array {
  return /^[\x00-\x7f]*$/.test(text) ? text : latin1(text);
}

/** Lower-case hexadecimal. */
export function hex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += (byte < 16 ? "0" : "") + byte.toString(16);
  return text;
}

/** Reads lower-case hexadecimal. `undefined` if the text is another. */
export function unhex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) return undefined;
  return Uint8Array.from({ length: text.length / 2 }, (_, i) =>
    Number.parseInt(text.slice(2 * i, 2 * i + 2), 16),
  );
}

/** Whether two byte strings are equal. The time depends only on their lengths. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let differences = 0;
  for (let i = 0; i < a.length; i += 1) differences |= a[i]! ^ b[i]!;
  return differences === 0;
}

/**
 * Encodes varint(value) (section 2 of the specification).
 *
 * `value` is a whole number from 0 to 2⁵³−1.
 */
export function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  // Division, because the bit operators of numbers have 32 bits.
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

/**
 * Reads fields from the front of a byte string.
 *
 * Every method returns `undefined` if the field is cut off or malformed.
 */
export class Reader {
  readonly bytes: Uint8Array;
  /** The position of the next byte. */
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /**
   * Reads a varint of at most 64 bits (section 2 of the specification).
   *
   * A value of 2⁵³ or more is rounded, to a number that is not below 2⁵³. Comparisons with limits
   * below 2⁵³ are therefore right, and no field of this format may have such a value.
   */
  varint(): number | undefined {
    let value = 0;
    let weight = 1;
    for (let index = 0; index < 10; index += 1) {
      const byte = this.bytes[this.at];
      if (byte === undefined) return undefined;
      this.at += 1;
      if (index === 9 && byte > 1) return undefined; // more than 64 bits
      value += (byte & 0x7f) * weight;
      weight *= 128;
      if (byte >= 0x80) continue;
      return byte === 0 && index > 0 ? undefined : value; // undefined if longer than needed
    }
    return undefined;
  }

  /** Reads `length` bytes. They share the memory of the whole. */
  take(length: number): Uint8Array | undefined {
    if (length > this.bytes.length - this.at) return undefined;
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  /** The bytes that were not read. They share the memory of the whole. */
  rest(): Uint8Array {
    return this.bytes.subarray(this.at);
  }
}
