// The encoding JSON.

import { fromUtf8, utf8 } from "../bytes.js";
import { PayloadError } from "../errors.js";
import type { Encoding } from "./payload.js";

/** Values are nested less deep than this, as in Rust's serde_json. */
const MAX_DEPTH = 128;

/** The options of {@link json}. */
export interface JsonOptions<T> {
  /**
   * Checks a value that was read, and returns it with its type. If it throws, the token is refused
   * as `payload`.
   *
   * Without this function, any JSON value is taken for a `T`. That is safe for tokens that only
   * your own servers can make, if the schema version is raised with each change of the type. It is
   * not safe for `readUnverified`.
   */
  readonly parse?: (value: unknown) => T;
}

/**
 * The encoding JSON: the encoding `json` of a payload in Rust.
 *
 * Values must be what JSON can hold: `undefined`, functions and bigints are refused. A text that
 * Rust cannot read is neither written nor accepted: numbers that are not finite, half a surrogate
 * pair, and values that are nested 128 deep. An integer that would become another number is refused
 * too, such as 9007199254740993: use a string for ids of 64 bits.
 *
 * ```ts
 * const Profile = payload({
 *   purpose: "shop.example/profile",
 *   encoding: json({ parse: (value) => ProfileSchema.parse(value) }), // zod, valibot, by hand, …
 * });
 * ```
 */
export function json<T>(options: JsonOptions<T> = {}): Encoding<T> {
  const { parse } = options;
  return {
    name: "json",
    encode: (value) => utf8(write(value)),
    decode: (bytes) => {
      const value = read(bytes);
      return parse === undefined ? (value as T) : checked(value, parse);
    },
  };
}

function write(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch {
    // A bigint, a cycle, or a toJSON that throws. The text of the error may repeat the value.
  }
  if (text === undefined || !isReadable(text)) {
    throw new PayloadError("the value cannot be written as JSON");
  }
  return text;
}

function read(bytes: Uint8Array): unknown {
  const text = fromUtf8(bytes);
  if (text === undefined) throw new PayloadError("the JSON is not UTF-8");
  if (!isReadable(text)) {
    throw new PayloadError("the JSON is not well-formed, or an integer in it is too large");
  }
  try {
    return JSON.parse(text);
  } catch {
    // The text of the error repeats a part of the value.
    throw new PayloadError("the JSON is not well-formed");
  }
}

function checked<T>(value: unknown, parse: (value: unknown) => T): T {
  try {
    return parse(value);
  } catch {
    throw new PayloadError("the JSON does not fit the type");
  }
}

/** A string, a number, or a bracket. JSON has nothing else that these rules concern. */
const TOKENS = /"(?:[^"\\]|\\[^])*"?|-?\d[\d.eE+-]*|[[{\]}]/g;

/** Half a surrogate pair as an escape: a first half without a second, or the reverse. */
const FIRST_HALF = "\\\\u[dD][89abAB][0-9a-fA-F]{2}";
const SECOND_HALF = "\\\\u[dD][c-fC-F][0-9a-fA-F]{2}";
const HALF_PAIR = /* @__PURE__ */ new RegExp(
  `${FIRST_HALF}(?!${SECOND_HALF})|(?<!${FIRST_HALF})${SECOND_HALF}`,
);

/** Whether serde_json would accept what JSON.parse accepts in this text, and read the same. */
function isReadable(text: string): boolean {
  if (isPlain(text)) return true;
  let depth = 0;
  for (const [token] of text.matchAll(TOKENS)) {
    if (token === "[" || token === "{") depth += 1;
    else if (token === "]" || token === "}") depth -= 1;
    else if (!isReadableScalar(token)) return false;
    if (depth >= MAX_DEPTH) return false;
  }
  return true;
}

/** Integers with fewer digits are below 2⁵³. */
const LONG = 16;

/**
 * Whether a text is certainly readable: it has few brackets, no escape `\u`, and no number that is
 * long or has an exponent. Most texts are plain, and then their tokens need not be looked at.
 */
function isPlain(text: string): boolean {
  let openings = 0;
  let digits = 0;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code >= 0x30 && code <= 0x39) {
      digits += 1;
      if (digits === LONG) return false;
      continue;
    }
    if ((code === 0x65 || code === 0x45) && digits > 0) return false;
    if (code === 0x5b || code === 0x7b) openings += 1;
    if (code === 0x5c && text.charCodeAt(i + 1) === 0x75) return false;
    digits = 0;
  }
  return openings < MAX_DEPTH;
}

function isReadableScalar(token: string): boolean {
  if (!token.startsWith('"')) return isReadableNumber(token);
  // Two backslashes are a backslash, and the u after them is a letter.
  return !token.includes("\\u") || !HALF_PAIR.test(token.replaceAll("\\\\", "__"));
}

/**
 * An integer must not change when it is read and written again, because it may be the id of a user.
 * `JSON.parse` accepts no token that is not a number.
 */
function isReadableNumber(token: string): boolean {
  const number = Number(token);
  if (/^-?\d+$/.test(token) && token.length >= LONG) return String(number) === token;
  return Number.isFinite(number) || Number.isNaN(number);
}
