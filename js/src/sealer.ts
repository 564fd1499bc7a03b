// Sealing and opening values of one type.

import { purposeOf, type Payload } from "./payload/payload.js";
import type { Ring } from "./ring.js";
import { checkedLimits } from "./limits.js";
import { checkTyped } from "./options.js";
import { openBytes, sealBytes } from "./token.js";
import { unixNow, wholeSeconds } from "./time.js";
import { Opened, decodePayload, encodePayload, type At } from "./values.js";

/** The options of a {@link Sealer}. */
export interface SealerOptions<T> {
  /** The key ring, or a handle to one that is reloaded. */
  readonly ring: Ring;
  /** The type of the values. */
  readonly payload: Payload<T>;
  /**
   * How long tokens live, in seconds.
   *
   * Opening enforces the smaller of this and the lifetime in the token. A shorter setting therefore
   * takes effect at once, and a longer one only for new tokens.
   */
  readonly lifetime: number;
  /**
   * Pads bodies to a multiple of this many bytes, 1 to 255, so that the length of a token reveals
   * less about its content. Default: 1, no padding. Sessions use 32.
   */
  readonly bucket?: number;
  /** The maximum length of tokens in characters, made and accepted. At most 8192, the default. */
  readonly maxLength?: number;
}

/**
 * Seals values of one type into tokens and opens these tokens (sections 5 and 7 of the
 * specification).
 *
 * The client can neither read nor change a sealed token. A token has 62 characters plus 4/3 of its
 * body, which is the payload, about 10 bytes and the padding.
 *
 * ```ts
 * const Reset = payload({
 *   purpose: "shop.example/reset-link",
 *   encoding: json<{ account: number }>(),
 * });
 * const links = new Sealer({ ring: KeyRing.parse(text), payload: Reset, lifetime: 15 * 60 });
 * const token = links.seal({ account: 42 }); // "b1.n6fA…"
 * links.open(token).payload.account; // 42
 * ```
 */
export class Sealer<T> {
  readonly #payload: Payload<T>;
  readonly #ring: Ring;
  readonly #lifetime: number;
  readonly #limits: { readonly bucket: number; readonly maxLength: number };

  /** @throws TypeError if an option is out of range or has the wrong type. */
  constructor(options: SealerOptions<T>) {
    checkTyped(options);
    this.#payload = options.payload;
    this.#ring = options.ring;
    this.#lifetime = wholeSeconds(options.lifetime);
    this.#limits = checkedLimits(options);
  }

  /**
   * Seals a value under the primary key.
   *
   * @throws {@link SealError}
   */
  seal(value: T, { now = unixNow() }: At = {}): string {
    return sealBytes(this.#ring, purposeOf(this.#payload), {
      ...this.#limits,
      issuedAt: now,
      lifetime: this.#lifetime,
      schemaVersion: this.#payload.schemaVersion,
      payload: encodePayload(this.#payload, value),
    });
  }

  /**
   * Opens a token.
   *
   * @throws {@link OpenError} for the first step of section 7 that fails. Tell the client only that
   * it has no valid token.
   */
  open(token: string | Uint8Array, { now = unixNow() }: At = {}): Opened<T> {
    const opened = openBytes(this.#ring, purposeOf(this.#payload), token, {
      now,
      longestLifetime: this.#lifetime,
      schemas: this.#payload.schemaVersions,
      maxLength: this.#limits.maxLength,
    });
    return new Opened(opened, decodePayload(this.#payload, opened));
  }
}
