// The encoding postcard, driven by a schema document.

import { fromUtf8, utf8 } from "../bytes.js";
import { PayloadError } from "../errors.js";
import { addressText, ipv4Bytes, ipv6Bytes } from "./addresses.js";
import type { Encoding } from "./payload.js";
import {
  hasNull,
  parseSchema,
  type Field,
  type Schema,
  type Type,
  type Variant,
  type Word,
} from "./schema.js";

/** Types with a name can be nested in each other up to this depth, for the sake of the stack. */
const MAX_DEPTH = 500;

/** A span of time, as `std::time::Duration` in Rust. */
export interface Duration {
  readonly secs: bigint;
  /** 0 to 999,999,999. */
  readonly nanos: number;
}

/** A point in time, as `std::time::SystemTime` in Rust. */
export interface SystemTime {
  readonly secs_since_epoch: bigint;
  /** 0 to 999,999,999. */
  readonly nanos_since_epoch: number;
}

/** The options of {@link postcard}. */
export interface PostcardOptions {
  /** The schema version of the values. Default: the newest in the document. */
  readonly version?: number;
}

/**
 * The encoding postcard, which is the default of payloads in Rust.
 *
 * `schema` is the document that `bulla::schema::json` prints for the type in Rust, as an object. The
 * command `bulla-schema` makes `T` and the call of this function from it:
 *
 * ```ts
 * import { payload, postcard } from "bulla/payload";
 * import schema from "./account.schema.json" with { type: "json" };
 *
 * const Account = payload({
 *   purpose: schema.purpose,
 *   encoding: postcard<{ id: bigint; name: string }>(schema),
 * });
 * ```
 *
 * | Rust | TypeScript |
 * |---|---|
 * | `u8` to `u32`, `i8` to `i32`, `f32`, `f64` | `number` |
 * | `u64`, `u128`, `usize`, `i64`, `i128`, `isize` | `bigint` (a safe integer is also written) |
 * | `String`, `char` | `string` |
 * | `Vec<u8>`, `[u8; N]`, bytes | `Uint8Array` |
 * | `Option<T>` | `T \| null`, or `{ some: T } \| null` if `T` itself can be `null` |
 * | `Vec<T>`, sets, arrays, tuples | an array |
 * | maps | `Map` |
 * | structs, newtypes, enums | as serde writes them to JSON |
 * | `()`, unit structs | `null` |
 * | `IpAddr` and the like | `string` |
 *
 * It reads exactly the bytes that postcard in Rust reads, except that values of recursive types
 * can be nested 500 deep, and not deeper.
 *
 * @throws TypeError if the document is malformed, if it does not have the version, or if the
 * version is encoded as JSON.
 */
export function postcard<T>(schema: object, options: PostcardOptions = {}): Encoding<T> {
  const parsed = parseSchema(schema);
  const wanted = options.version ?? parsed.versions[0]?.version;
  const version = parsed.versions.find((known) => known.version === wanted);
  if (version === undefined) {
    throw new TypeError(`the schema document does not have version ${wanted}`);
  }
  if (version.type === undefined) {
    throw new TypeError(`version ${wanted} is encoded as JSON: use json() for it`);
  }
  const codec = new Codecs(parsed).of(version.type);
  return {
    name: "postcard",
    encode: (value) => {
      const output = new Output();
      codec.write(output, value);
      return output.written();
    },
    decode: (bytes) => {
      const input = new Input(bytes);
      const value = codec.read(input);
      if (input.at < bytes.length) throw new PayloadError("bytes are left over");
      return value as T;
    },
  };
}

/** How values of one type are read and written. */
interface Codec {
  read(input: Input): unknown;
  write(output: Output, value: unknown): void;
}

const unfit = () => new PayloadError("the bytes do not fit the type");

class Input {
  at = 0;
  depth = 0;

  constructor(readonly bytes: Uint8Array) {}

  byte(): number {
    const byte = this.bytes[this.at];
    if (byte === undefined) throw new PayloadError("the bytes end too early");
    this.at += 1;
    return byte;
  }

  /** The next bytes. They share the memory of the whole. */
  take(length: number): Uint8Array {
    if (length > this.bytes.length - this.at) throw new PayloadError("the bytes end too early");
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  /**
   * A varint of up to 32 bits. Like postcard, it accepts zeros at the end, so a number can have
   * several encodings.
   */
  varint(bits: 16 | 32): number {
    let value = 0;
    for (let shift = 0; shift < bits; shift += 7) {
      const byte = this.byte();
      // Multiplication, because the bit operators of numbers have 32 bits and a sign.
      value += (byte & 0x7f) * 2 ** shift;
      if (byte >= 0x80) continue;
      if (value >= 2 ** bits) throw unfit();
      return value;
    }
    throw unfit();
  }

  /** A varint of up to 128 bits. */
  bigVarint(bits: 64 | 128): bigint {
    let value = 0n;
    for (let shift = 0; shift < bits; shift += 7) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << BigInt(shift);
      if (byte >= 0x80) continue;
      if (value >> BigInt(bits) !== 0n) throw unfit();
      return value;
    }
    throw unfit();
  }

  /** A number of bytes or of elements, of which each takes at least one byte. */
  length(): number {
    const first = this.bytes[this.at];
    if (first !== undefined && first < 0x80) {
      this.at += 1;
      return this.atMostRest(first);
    }
    return this.atMostRest(Number(this.bigVarint(64)));
  }

  private atMostRest(length: number): number {
    if (length <= this.bytes.length - this.at) return length;
    throw new PayloadError("the bytes end too early");
  }
}

class Output {
  private bytes = new Uint8Array(64);
  private at = 0;
  depth = 0;
  /** The names of the fields and variants around the value, for errors. */
  readonly path: string[] = [];

  written(): Uint8Array {
    return this.bytes.slice(0, this.at);
  }

  byte(byte: number): void {
    this.reserve(1);
    this.bytes[this.at] = byte;
    this.at += 1;
  }

  put(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
  }

  varint(value: number): void {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 128)) this.byte((rest % 128) | 0x80);
    this.byte(rest);
  }

  bigVarint(value: bigint): void {
    let rest = value;
    for (; rest >= 0x80n; rest >>= 7n) this.byte(Number(rest & 0x7fn) | 0x80);
    this.byte(Number(rest));
  }

  /** The error for a value of another type. It names the place and never the value. */
  misfit(expected: string): PayloadError {
    const place = this.path.length === 0 ? "" : ` at ${this.path.join(".")}`;
    return new PayloadError(`the value does not fit the type${place}: expected ${expected}`);
  }

  private reserve(length: number): void {
    if (this.at + length <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(2 * this.bytes.length, this.at + length));
    grown.set(this.bytes);
    this.bytes = grown;
  }
}

/** Makes the codecs of a document's types, each once. */
class Codecs {
  private readonly named = new Map<string, Codec>();

  constructor(private readonly schema: Schema) {}

  of(type: Type): Codec {
    switch (type.kind) {
      case "word":
        return WORDS[type.word];
      case "nonzero":
        return nonZero(WORDS[type.word]);
      case "option":
        return hasNull(this.schema, type.value)
          ? nestedOption(this.of(type.value))
          : option(this.of(type.value));
      case "list":
        return isByte(type.element) ? BYTES : list(this.of(type.element));
      case "array":
        return isByte(type.element)
          ? byteArray(type.length)
          : tuple(new Array<Codec>(type.length).fill(this.of(type.element)));
      case "map":
        return map(this.of(type.key), this.of(type.value));
      case "tuple":
        return tuple(type.elements.map((element) => this.of(element)));
      case "struct":
        return this.struct(type.fields);
      case "enum":
        return this.enum(type.variants);
      case "ref":
        return this.reference(type.name);
    }
  }

  /** A codec that looks for its type when it is used, because a type may contain itself. */
  private reference(name: string): Codec {
    const known = this.named.get(name);
    if (known !== undefined) return known;
    let codec: Codec | undefined;
    const reference: Codec = {
      read: (input) => {
        if (++input.depth > MAX_DEPTH) throw new PayloadError("the value is nested too deep");
        const value = codec!.read(input);
        input.depth -= 1;
        return value;
      },
      write: (output, value) => {
        if (++output.depth > MAX_DEPTH) throw new PayloadError("the value is nested too deep");
        codec!.write(output, value);
        output.depth -= 1;
      },
    };
    this.named.set(name, reference);
    codec = this.of(this.schema.types.get(name)!);
    return reference;
  }

  private struct(fields: readonly Field[]): Codec {
    const codecs = fields.map(({ name, type }) => ({ name, codec: this.of(type) }));
    return {
      read: (input) => {
        const object: Record<string, unknown> = {};
        for (const { name, codec } of codecs) object[name] = codec.read(input);
        return object;
      },
      write: (output, value) => {
        const object = objectOf(output, value, "an object");
        for (const { name, codec } of codecs) {
          output.path.push(name);
          codec.write(output, Object.hasOwn(object, name) ? object[name] : undefined);
          output.path.pop();
        }
        // A field with a wrong name would be lost.
        if (Object.keys(object).length > codecs.length) {
          throw output.misfit("no other fields than those of the schema");
        }
      },
    };
  }

  private enum(variants: readonly Variant[]): Codec {
    const codecs = variants.map(({ name, type }) => ({
      name,
      codec: type === undefined ? undefined : this.of(type),
    }));
    const indexes = new Map(codecs.map(({ name }, index) => [name, index]));
    const named = (output: Output, name: string | undefined) => {
      const index = name === undefined ? undefined : indexes.get(name);
      if (index === undefined) throw output.misfit("a variant of the enum");
      return { index, codec: codecs[index]!.codec };
    };
    return {
      read: (input) => {
        const variant = codecs[input.varint(32)];
        if (variant === undefined) throw unfit();
        if (variant.codec === undefined) return variant.name;
        return { [variant.name]: variant.codec.read(input) };
      },
      write: (output, value) => {
        if (typeof value === "string") {
          const { index, codec } = named(output, value);
          if (codec !== undefined) throw output.misfit("an object with the variant and its value");
          output.varint(index);
          return;
        }
        const object = objectOf(output, value, "the name of a variant, or an object with one key");
        const [name, ...others] = Object.keys(object);
        const { index, codec } = named(output, name);
        if (codec === undefined || others.length > 0) {
          throw output.misfit("the name of a variant, or an object with one key");
        }
        output.varint(index);
        output.path.push(name!);
        codec.write(output, object[name!]);
        output.path.pop();
      },
    };
  }
}

function isByte(type: Type): boolean {
  return type.kind === "word" && type.word === "u8";
}

function objectOf(output: Output, value: unknown, expected: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw output.misfit(expected);
  }
  return value as Record<string, unknown>;
}

function option(codec: Codec): Codec {
  return {
    read: (input) => {
      const byte = input.byte();
      if (byte > 1) throw unfit();
      return byte === 0 ? null : codec.read(input);
    },
    write: (output, value) => {
      output.byte(value === null ? 0 : 1);
      if (value !== null) codec.write(output, value);
    },
  };
}

/** An option of a value that can be `null` itself: `{ some: null }` differs from `null`. */
function nestedOption(codec: Codec): Codec {
  return {
    read: (input) => {
      const byte = input.byte();
      if (byte > 1) throw unfit();
      return byte === 0 ? null : { some: codec.read(input) };
    },
    write: (output, value) => {
      output.byte(value === null ? 0 : 1);
      if (value === null) return;
      const object = objectOf(output, value, "null or { some: … }");
      if (!Object.hasOwn(object, "some")) throw output.misfit("null or { some: … }");
      codec.write(output, object.some);
    },
  };
}

function list(codec: Codec): Codec {
  return {
    read: (input) => {
      const length = input.length();
      const elements: unknown[] = [];
      for (let i = 0; i < length; i += 1) elements.push(codec.read(input));
      return elements;
    },
    write: (output, value) => {
      if (!Array.isArray(value)) throw output.misfit("an array");
      output.varint(value.length);
      for (const element of value) codec.write(output, element);
    },
  };
}

function tuple(codecs: readonly Codec[]): Codec {
  return {
    read: (input) => codecs.map((codec) => codec.read(input)),
    write: (output, value) => {
      if (!Array.isArray(value) || value.length !== codecs.length) {
        throw output.misfit(`an array of ${codecs.length} elements`);
      }
      for (const [index, codec] of codecs.entries()) codec.write(output, value[index]);
    },
  };
}

function map(key: Codec, value: Codec): Codec {
  return {
    read: (input) => {
      const length = input.length();
      const entries = new Map<unknown, unknown>();
      for (let i = 0; i < length; i += 1) entries.set(key.read(input), value.read(input));
      return entries;
    },
    write: (output, entries) => {
      if (!(entries instanceof Map)) throw output.misfit("a Map");
      output.varint(entries.size);
      for (const [one, of] of entries as Map<unknown, unknown>) {
        key.write(output, one);
        value.write(output, of);
      }
    },
  };
}

function byteArray(length: number): Codec {
  return {
    read: (input) => input.take(length).slice(),
    write: (output, value) => {
      if (!(value instanceof Uint8Array) || value.length !== length) {
        throw output.misfit(`a Uint8Array of ${length} bytes`);
      }
      output.put(value);
    },
  };
}

const BYTES: Codec = {
  read: (input) => input.take(input.length()).slice(),
  write: (output, value) => {
    if (!(value instanceof Uint8Array)) throw output.misfit("a Uint8Array");
    output.varint(value.length);
    output.put(value);
  },
};

function nonZero(codec: Codec): Codec {
  return {
    read: (input) => {
      const value = codec.read(input);
      if (value === 0 || value === 0n) throw unfit();
      return value;
    },
    write: (output, value) => {
      if (value === 0 || value === 0n) throw output.misfit("a number that is not zero");
      codec.write(output, value);
    },
  };
}

/** Numbers of up to 32 bits, from `min` to `max`. */
function small(
  word: string,
  [min, max]: readonly [number, number],
  read: (input: Input) => number,
  write: (output: Output, value: number) => void,
): Codec {
  return {
    read,
    write: (output, value) => {
      if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
        throw output.misfit(`a number, ${word}`);
      }
      write(output, value);
    },
  };
}

function unsigned(bits: 16 | 32): Codec {
  return small(
    `u${bits}`,
    [0, 2 ** bits - 1],
    (input) => input.varint(bits),
    (output, value) => output.varint(value),
  );
}

/** Zigzag: 0, -1, 1, -2, … are written as 0, 1, 2, 3, … */
function signed(bits: 16 | 32): Codec {
  return small(
    `i${bits}`,
    [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1],
    (input) => {
      const value = input.varint(bits);
      return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    },
    (output, value) => output.varint(value >= 0 ? 2 * value : -2 * value - 1),
  );
}

function big(
  word: string,
  [min, max]: readonly [bigint, bigint],
  read: (input: Input) => bigint,
  write: (output: Output, value: bigint) => void,
): Codec {
  return {
    read,
    write: (output, value) => {
      const whole = wide(value);
      if (typeof whole !== "bigint" || whole < min || whole > max) {
        throw output.misfit(`a bigint, ${word}`);
      }
      write(output, whole);
    },
  };
}

/** A number that is exactly a whole number, as a bigint. Other values stay as they are. */
function wide(value: unknown): unknown {
  return typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
}

function bigUnsigned(bits: 64 | 128): Codec {
  return big(
    `u${bits}`,
    [0n, (1n << BigInt(bits)) - 1n],
    (input) => input.bigVarint(bits),
    (output, value) => output.bigVarint(value),
  );
}

function bigSigned(bits: 64 | 128): Codec {
  const half = 1n << BigInt(bits - 1);
  return big(
    `i${bits}`,
    [-half, half - 1n],
    (input) => {
      const value = input.bigVarint(bits);
      return (value & 1n) === 0n ? value >> 1n : -((value + 1n) >> 1n);
    },
    (output, value) => output.bigVarint(value >= 0n ? value << 1n : (-value << 1n) - 1n),
  );
}

function float(bytes: 4 | 8): Codec {
  return {
    read: (input) => {
      const taken = input.take(bytes);
      const view = new DataView(taken.buffer, taken.byteOffset, bytes);
      return bytes === 4 ? view.getFloat32(0, true) : view.getFloat64(0, true);
    },
    write: (output, value) => {
      if (typeof value !== "number") throw output.misfit("a number");
      const view = new DataView(new ArrayBuffer(bytes));
      if (bytes === 4) view.setFloat32(0, value, true);
      else view.setFloat64(0, value, true);
      if (Number.isFinite(value) && bytes === 4 && !Number.isFinite(view.getFloat32(0, true))) {
        throw output.misfit("a number, f32");
      }
      output.put(new Uint8Array(view.buffer));
    },
  };
}

/** Half a surrogate pair is not a character and has no UTF-8. */
function isWhole(text: unknown): text is string {
  return typeof text === "string" && !/\p{Surrogate}/u.test(text);
}

const STRING: Codec = {
  read: (input) => {
    const text = fromUtf8(input.take(input.length()));
    if (text === undefined) throw unfit();
    return text;
  },
  write: (output, value) => {
    if (!isWhole(value)) throw output.misfit("a string without halves of surrogate pairs");
    const bytes = utf8(value);
    output.varint(bytes.length);
    output.put(bytes);
  },
};

function isCharacter(text: string): boolean {
  return text !== "" && text.length === (text.codePointAt(0)! > 0xffff ? 2 : 1);
}

const CHARACTER: Codec = {
  read: (input) => {
    const text = STRING.read(input) as string;
    if (!isCharacter(text)) throw unfit();
    return text;
  },
  write: (output, value) => {
    if (!isWhole(value) || !isCharacter(value)) throw output.misfit("one character");
    STRING.write(output, value);
  },
};

/** Seconds and nanoseconds. Like serde, it moves whole seconds out of the nanoseconds. */
function time<S extends string, N extends string>(secs: S, nanos: N, max: bigint): Codec {
  const expected = `{ ${secs}, ${nanos} }`;
  return {
    read: (input) => {
      const [whole, rest] = [input.bigVarint(64), input.varint(32)];
      const seconds = whole + BigInt(Math.floor(rest / 1e9));
      if (seconds > max) throw unfit();
      return { [secs]: seconds, [nanos]: rest % 1e9 };
    },
    write: (output, value) => {
      const object = objectOf(output, value, expected);
      const [whole, rest] = [object[secs], object[nanos]];
      const seconds = wide(whole);
      if (typeof seconds !== "bigint" || seconds < 0n || seconds > max) {
        throw output.misfit(expected);
      }
      if (typeof rest !== "number" || !Number.isInteger(rest) || rest < 0 || rest >= 1e9) {
        throw output.misfit(expected);
      }
      output.bigVarint(seconds);
      output.varint(rest);
    },
  };
}

function address(
  length: 4 | 16,
  bytesOf: (text: string) => Uint8Array | undefined,
  expected: string,
): Codec {
  return {
    read: (input) => addressText(input.take(length)),
    write: (output, value) => {
      const bytes = typeof value === "string" ? bytesOf(value) : undefined;
      if (bytes === undefined) throw output.misfit(expected);
      output.put(bytes);
    },
  };
}

const IPV4 = /* @__PURE__ */ address(4, ipv4Bytes, "an IPv4 address");
const IPV6 = /* @__PURE__ */ address(16, ipv6Bytes, "an IPv6 address");

const IP: Codec = {
  read: (input) => {
    const family = input.varint(32);
    if (family > 1) throw unfit();
    return family === 0 ? IPV4.read(input) : IPV6.read(input);
  },
  write: (output, value) => {
    if (typeof value !== "string") throw output.misfit("an IP address");
    const v4 = ipv4Bytes(value);
    const bytes = v4 ?? ipv6Bytes(value);
    if (bytes === undefined) throw output.misfit("an IP address");
    output.varint(v4 === undefined ? 1 : 0);
    output.put(bytes);
  },
};

const WORDS: Readonly<Record<Word, Codec>> = {
  unit: {
    read: () => null,
    write: (output, value) => {
      if (value !== null) throw output.misfit("null");
    },
  },
  bool: {
    read: (input) => {
      const byte = input.byte();
      if (byte > 1) throw unfit();
      return byte === 1;
    },
    write: (output, value) => {
      if (typeof value !== "boolean") throw output.misfit("a boolean");
      output.byte(value ? 1 : 0);
    },
  },
  u8: /* @__PURE__ */ small(
    "u8",
    [0, 255],
    (input) => input.byte(),
    (output, value) => output.byte(value),
  ),
  i8: /* @__PURE__ */ small(
    "i8",
    [-128, 127],
    (input) => (input.byte() << 24) >> 24,
    (output, value) => output.byte(value & 0xff),
  ),
  u16: /* @__PURE__ */ unsigned(16),
  u32: /* @__PURE__ */ unsigned(32),
  u64: /* @__PURE__ */ bigUnsigned(64),
  u128: /* @__PURE__ */ bigUnsigned(128),
  i16: /* @__PURE__ */ signed(16),
  i32: /* @__PURE__ */ signed(32),
  i64: /* @__PURE__ */ bigSigned(64),
  i128: /* @__PURE__ */ bigSigned(128),
  f32: /* @__PURE__ */ float(4),
  f64: /* @__PURE__ */ float(8),
  char: CHARACTER,
  string: STRING,
  bytes: BYTES,
  duration: /* @__PURE__ */ time("secs", "nanos", 2n ** 64n - 1n),
  "system-time": /* @__PURE__ */ time("secs_since_epoch", "nanos_since_epoch", 2n ** 63n - 1n),
  ipv4: IPV4,
  ipv6: IPV6,
  ip: IP,
};
