// The cryptography. No other file imports a cipher or a hash.

import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { hkdf as expand } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 as sha2 } from "@noble/hashes/sha2.js";

import { equalBytes } from "./bytes.js";

/** The length of a nonce in bytes. */
export const NONCE_LENGTH = 24;
/** The length of the tag of a sealed token in bytes. */
export const TAG_LENGTH = 16;
/** The length of the mac of a signed token in bytes. */
export const MAC_LENGTH = 32;

/** SHA-256 of the joined parts. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = sha2.create();
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** HKDF(key, info, length) (section 2 of the specification). */
export function hkdf(key: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  return expand(sha2, key, undefined, info, length);
}

/** A sealing key: XChaCha20-Poly1305. */
export class SealingKey {
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** The ciphertext and the tag. */
  encrypt(nonce: Uint8Array, associatedData: Uint8Array, body: Uint8Array): Uint8Array {
    return xchacha20poly1305(this.#key, nonce, associatedData).encrypt(body);
  }

  /** The body. `undefined` if the tag is wrong. `encrypted` is the ciphertext and the tag. */
  decrypt(
    nonce: Uint8Array,
    associatedData: Uint8Array,
    encrypted: Uint8Array,
  ): Uint8Array | undefined {
    try {
      return xchacha20poly1305(this.#key, nonce, associatedData).decrypt(encrypted);
    } catch {
      return undefined;
    }
  }
}

/** A signing key: HMAC-SHA256. */
export class SigningKey {
  readonly #keyed: ReturnType<typeof hmac.create>;

  constructor(key: Uint8Array) {
    this.#keyed = hmac.create(sha2, key);
  }

  /** The mac of the joined parts. */
  mac(...parts: readonly Uint8Array[]): Uint8Array {
    const keyed = this.#keyed.clone();
    for (const part of parts) keyed.update(part);
    return keyed.digest();
  }

  /** Whether `mac` is that of the joined parts, in constant time. */
  check(mac: Uint8Array, ...parts: readonly Uint8Array[]): boolean {
    return equalBytes(mac, this.mac(...parts));
  }
}
