// JSON objects in which no two members have the same name.
//
// If an object has two members with the same name, parsers differ in which of the two they use (RFC
// 8259 section 4). The program that made the proof, a proxy and this server could then read
// different values. Therefore such an object is refused, even if none of its members is read (RFC
// 7515 section 4).

import { fromUtf8 } from "../bytes.js";

/** How deeply objects and arrays may be nested. */
const MAX_DEPTH = 8;

export type Members = Readonly<Record<string, unknown>>;

/**
 * Parses an object. `undefined` if the bytes are not a JSON object in UTF-8, if an object in it has
 * two members with the same name, or if it is nested too deeply.
 */
export function parseObject(bytes: Uint8Array): Members | undefined {
  const text = fromUtf8(bytes);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isObject(value) && isStrict(text) ? value : undefined;
}

export function isObject(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The member with this name. `undefined` if there is no such member: no value of JSON is. */
export function member(object: Members, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** A string with the colon that makes it a name, a number, or a bracket. */
const TOKENS = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*)|([[\]{}])/g;

const HALF_PAIR = /\p{Surrogate}/u;

/** Checks a text that JSON.parse accepts. */
function isStrict(text: string): boolean {
  // The names in each open object. In an open array, the set stays empty.
  const open: Set<string>[] = [];
  for (const [, string, colon, number, bracket] of text.matchAll(TOKENS)) {
    if (string !== undefined) {
      const value = JSON.parse(string) as string;
      if (HALF_PAIR.test(value)) return false;
      const names = colon === undefined ? undefined : open.at(-1);
      if (names?.has(value) === true) return false;
      names?.add(value);
    } else if (number !== undefined) {
      if (!Number.isFinite(Number(number))) return false;
    } else if (bracket === "{" || bracket === "[") {
      open.push(new Set());
      if (open.length > MAX_DEPTH) return false;
    } else {
      open.pop();
    }
  }
  return true;
}
