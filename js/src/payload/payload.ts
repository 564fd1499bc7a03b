// What a token can hold: a purpose, a schema version and an encoding, and how older versions are
// upgraded. The encodings themselves are in the other files of this folder.

import { utf8 } from "../bytes.js";
import { PayloadError } from "../errors.js";

/**
 * How values of one type are written as bytes and read back.
 *
 * `json()` and `postcard()` make encodings. Both functions throw only {@link PayloadError}, and its
 * text never repeats the value.
 */
export interface Encoding<T> {
  /** The name, as in Rust: `json` or `postcard`. */
  readonly name: "json" | "postcard";
  /** Writes a value. Throws {@link PayloadError}. */
  encode(value: T): Uint8Array;
  /** Reads a value, which must use all of the bytes. Throws {@link PayloadError}. */
  decode(bytes: Uint8Array): T;
}

/**
 * The type of the values that a token can hold, with its purpose and schema version.
 *
 * {@link payload} makes one. The same description in Rust is a type with `#[derive(Payload)]`.
 */
export interface Payload<T> {
  /** What the tokens are for: 1 to 255 visible ASCII characters. */
  readonly purpose: string;
  /** The schema version of new tokens, 1 to 2³²−1. */
  readonly schemaVersion: number;
  /** The encoding of the newest schema version. */
  readonly encoding: Encoding<T>;
  /** The schema versions that can be read, the newest first. */
  readonly schemaVersions: readonly number[];
  /** Whether all of these versions are JSON, so that `readUnverified` can read them. */
  readonly allJson: boolean;
  /** Writes a value in the newest schema version. Throws {@link PayloadError}. */
  encode(value: T): Uint8Array;
  /** Reads a value of one of `schemaVersions` and upgrades it. Throws {@link PayloadError}. */
  decode(schemaVersion: number, bytes: Uint8Array): T;
}

/** The description of a payload type, for {@link payload}. `P` is the previous type. */
export interface PayloadOptions<T, P = never> {
  /** What the tokens are for, such as `shop.example/reset-link`. A token opens only for it. */
  readonly purpose: string;
  /** The schema version, which is raised whenever the fields of the type change. Default: 1. */
  readonly schemaVersion?: number;
  /** The encoding: `json()` or `postcard(…)`. */
  readonly encoding: Encoding<T>;
  /** The type of the previous schema version, as long as its tokens have not expired. */
  readonly previous?: Payload<P>;
  /** Makes a value of this type from one of the previous type. */
  readonly upgrade?: (previous: P) => T;
}

/**
 * Describes a payload type.
 *
 * A token of the previous type is upgraded when it is opened, step by step along the chain. A
 * server that does not know the newer version refuses the token as `newer-schema`.
 *
 * ```ts
 * import { json, payload } from "bulla";
 *
 * const AccountV1 = payload({ purpose: "bank.example/session", encoding: json<{ id: number }>() });
 * const Account = payload({
 *   purpose: "bank.example/session",
 *   schemaVersion: 2,
 *   encoding: json<{ id: number; name: string }>(),
 *   previous: AccountV1,
 *   upgrade: (old) => ({ id: old.id, name: "" }),
 * });
 * ```
 *
 * @throws TypeError if the purpose is malformed, if `encoding` is not an encoding, if the schema
 * version is not higher than that of the previous type, if the previous type has another purpose,
 * or if `previous` and `upgrade` are not given together.
 */
export function payload<T, P = never>(options: PayloadOptions<T, P>): Payload<T> {
  const { purpose, encoding, previous, upgrade } = options;
  const schemaVersion = options.schemaVersion ?? 1;
  if (typeof purpose !== "string" || !/^[\x21-\x7e]{1,255}$/.test(purpose)) {
    throw new TypeError("a purpose is 1 to 255 visible ASCII characters");
  }
  if (typeof encoding?.encode !== "function") {
    throw new TypeError("encoding must be json() or postcard(…)");
  }
  if (!Number.isInteger(schemaVersion) || schemaVersion < 1 || schemaVersion > 0xffff_ffff) {
    throw new TypeError("a schema version is a whole number from 1 to 4294967295");
  }
  if ((previous === undefined) !== (upgrade === undefined)) {
    throw new TypeError("previous and upgrade must be given together");
  }
  if (previous !== undefined && previous.schemaVersion >= schemaVersion) {
    throw new TypeError("the schema version must be higher than that of the previous type");
  }
  if (previous !== undefined && previous.purpose !== purpose) {
    throw new TypeError("the previous type must have the same purpose");
  }
  return {
    purpose,
    schemaVersion,
    encoding,
    schemaVersions: [schemaVersion, ...(previous?.schemaVersions ?? [])],
    allJson: encoding.name === "json" && (previous?.allJson ?? true),
    encode: (value) => encoding.encode(value),
    decode: (version, bytes) => {
      if (version === schemaVersion) return encoding.decode(bytes);
      if (previous === undefined || upgrade === undefined) {
        throw new PayloadError("the schema version is not in the chain");
      }
      return upgraded(previous.decode(version, bytes), upgrade);
    },
  };
}

/** Calls the application's function. What it throws could contain the value, so it is replaced. */
function upgraded<P, T>(old: P, upgrade: (previous: P) => T): T {
  try {
    return upgrade(old);
  } catch {
    throw new PayloadError("the function upgrade has thrown an error");
  }
}

const PURPOSES = /* @__PURE__ */ new WeakMap<object, Uint8Array>();

/**
 * The bytes of a payload's purpose: always the same array, because keys remember their subkeys for
 * an array.
 */
export function purposeOf<T>(payload: Payload<T>): Uint8Array {
  const known = PURPOSES.get(payload);
  if (known !== undefined) return known;
  const made = utf8(payload.purpose);
  PURPOSES.set(payload, made);
  return made;
}
