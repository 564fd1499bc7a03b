// Challenges: sealed tokens that a device signs with its key (spec section 9.5).
//
// A challenge needs no store: it names the session, and contains the time at which it was made.

import { concat, hex, unhex, utf8 } from "../bytes.js";
import { OpenError } from "../errors.js";
import type { Ring } from "../ring.js";
import { BUCKET, openBytes, sealBytes } from "../token.js";

/** The schema version of a challenge. */
const SCHEMA = 1;

const ID_LENGTH = 16;

/**
 * What a challenge is for. `nothing`: the session has ended. The browser gets this challenge with
 * the sign-out, and sends it back with its next proof. Then the server knows, without cookies, that
 * the session is over.
 */
export type Asks = "proof" | "nothing";

/** A challenge that a device has signed. */
export interface Challenge {
  /** The id under which the session started. */
  readonly origin: string;
  readonly asks: Asks;
  readonly issuedAt: number;
}

/** The challenges of one channel. */
export class Challenges {
  readonly #ring: Ring;
  readonly #purpose: Uint8Array;

  /** `channel` is the channel string of spec section 9, in its parts. */
  constructor(ring: Ring, purpose: string, channel: readonly string[]) {
    this.#ring = ring;
    this.#purpose = utf8([purpose, "challenge", ...channel].join("\0"));
  }

  /**
   * Makes a challenge at `now`, which can be opened for `lifetime` seconds. `undefined` if the
   * ring or the random generator fails: the client gets a challenge with a later response.
   */
  make(origin: string, asks: Asks, now: number, lifetime: number): string | undefined {
    const payload = concat(
      unhex(origin) ?? new Uint8Array(),
      Uint8Array.of(asks === "proof" ? 0 : 1),
    );
    const contents = { issuedAt: now, lifetime, schemaVersion: SCHEMA, payload, bucket: BUCKET };
    try {
      return sealBytes(this.#ring, this.#purpose, contents);
    } catch {
      return undefined;
    }
  }

  /**
   * Opens a challenge. `expired` means that its session has ended.
   *
   * @throws {@link OpenError}
   */
  open(text: string, now: number): Challenge {
    const { payload, issuedAt } = openBytes(this.#ring, this.#purpose, text, {
      now,
      schemas: [SCHEMA],
    });
    const asks = payload[ID_LENGTH];
    if (payload.length !== ID_LENGTH + 1 || (asks !== 0 && asks !== 1)) {
      throw new OpenError("payload", { reason: "a challenge does not have 17 bytes" });
    }
    const origin = hex(payload.subarray(0, ID_LENGTH));
    return { origin, asks: asks === 0 ? "proof" : "nothing", issuedAt };
  }
}
