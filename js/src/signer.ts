// Signing and verifying values of one type.

import { checkedLimits } from "./limits.js";
import { checkTyped } from "./options.js";
import { purposeOf, type Payload } from "./payload/payload.js";
import type { Ring } from "./ring.js";
import { signBytes } from "./token.js";
import { unixNow, wholeSeconds } from "./time.js";
import { encodePayload, type At, type Opened } from "./values.js";
import { verify } from "./verify.js";

/** The options of a {@link Signer}. */
export interface SignerOptions<T> {
  /** The key ring, or a handle to one that is reloaded. */
  readonly ring: Ring;
  /** The type of the values. */
  readonly payload: Payload<T>;
  /**
   * How long tokens live, in seconds. Verifying enforces the smaller of this and the lifetime in
   * the token.
   */
  readonly lifetime: number;
  /** The maximum length of tokens in characters, made and accepted. At most 8192, the default. */
  readonly maxLength?: number;
}

/**
 * Signs values of one type into tokens and verifies them (sections 6 and 7 of the specification).
 *
 * Anyone can read a signed token, but only a server that has the key ring can make one. Use signed
 * tokens for values that a front end shows, usually with the encoding JSON. A token has 51
 * characters plus 4/3 of its body, which is the payload and about 10 bytes.
 *
 * ```ts
 * const Profile = payload({ purpose: "shop.example/profile", encoding: json<{ name: string }>() });
 * const profiles = new Signer({ ring, payload: Profile, lifetime: 3600 });
 * const token = profiles.sign({ name: "Ada" }); // "s1.n6fA…"
 * profiles.verify(token).payload.name; // "Ada"
 * ```
 *
 * Signing is deterministic: the same value under the same primary key within the same second gives
 * the same token.
 */
export class Signer<T> {
  readonly #payload: Payload<T>;
  readonly #ring: Ring;
  readonly #lifetime: number;
  readonly #maxLength: number;

  /** @throws TypeError if an option is out of range or has the wrong type. */
  constructor(options: SignerOptions<T>) {
    checkTyped(options);
    this.#payload = options.payload;
    this.#ring = options.ring;
    this.#lifetime = wholeSeconds(options.lifetime);
    this.#maxLength = checkedLimits(options).maxLength;
  }

  /**
   * Signs a value under the primary key.
   *
   * @throws {@link SealError} except `random`.
   */
  sign(value: T, { now = unixNow() }: At = {}): string {
    return signBytes(this.#ring, purposeOf(this.#payload), {
      issuedAt: now,
      lifetime: this.#lifetime,
      schemaVersion: this.#payload.schemaVersion,
      payload: encodePayload(this.#payload, value),
      maxLength: this.#maxLength,
    });
  }

  /**
   * Verifies a token.
   *
   * @throws {@link OpenError} for the first step of section 7 that fails. Tell the client only that
   * it has no valid token.
   */
  verify(token: string | Uint8Array, { now = unixNow() }: At = {}): Opened<T> {
    return verify(token, {
      ring: this.#ring,
      payload: this.#payload,
      longestLifetime: this.#lifetime,
      maxLength: this.#maxLength,
      now,
    });
  }
}
