// Which proofs have been used?

import { unixNow } from "../time.js";

/**
 * A store of the proofs that have been used, so that a proof is accepted once in the whole fleet.
 *
 * @example
 * ```ts
 * // The same entries as those of `UsedInRedis::new(url, "bank:proofs")` in Rust.
 * const used: UsedTokens = {
 *   claim: async (fingerprint, until) =>
 *     (await redis.set(`bank:proofs:${fingerprint}`, "", { NX: true, EXAT: until })) !== null,
 * };
 * ```
 */
export interface UsedTokens {
  /**
   * Records that a token is used. Returns `true` if this is its first use.
   *
   * `fingerprint` identifies the token, with 32 hexadecimal digits. If several callers claim the
   * same token at the same time, exactly one of them must get `true`. The entry may be deleted
   * after `until`, in seconds since 1970. If the store cannot be used, throw an error, and soon:
   * the request waits.
   */
  claim(fingerprint: string, until: number): boolean | Promise<boolean>;
}

/**
 * Expired entries are deleted when the store has this many entries, and again at each larger power
 * of two.
 */
const MAX_KEPT = 1024;

/**
 * A store in memory of the tokens that were used in this process. Other processes do not share it,
 * and a restart empties it.
 */
export class UsedHere implements UsedTokens {
  /** The times after which the entries may be deleted. */
  readonly #claimed = new Map<string, number>();
  #next = MAX_KEPT;

  claim(fingerprint: string, until: number): boolean {
    const claimed = this.#claimed;
    if (claimed.has(fingerprint)) return false;
    if (claimed.size >= this.#next) this.#prune(unixNow());
    claimed.set(fingerprint, until);
    return true;
  }

  #prune(now: number): void {
    for (const [fingerprint, until] of this.#claimed) {
      if (until <= now) this.#claimed.delete(fingerprint);
    }
    this.#next = MAX_KEPT;
    while (this.#next <= this.#claimed.size) this.#next *= 2;
  }
}
