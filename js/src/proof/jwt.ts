// The steps in which a proof is read and verified (spec section 9.5).
//
// The cheap steps come first, so that no signature is verified for a malformed proof. The claims
// are therefore read before the signature is verified. This has no risk: the key is often in the
// proof itself, so even a proof with a right signature can contain any claims.

import { fromBase64url, latin1 } from "../bytes.js";
import { verifies } from "../p256.js";
import type { Point } from "../p256.js";
import { ProofError } from "./error.js";
import { member, parseObject } from "./json.js";
import type { Members } from "./json.js";
import { pointFromJwk } from "./key.js";

/** The maximum length of a proof, in octets. */
const MAX_PROOF_LENGTH = 2048;

/** The decoded parts of a proof that has passed steps 1 and 2. */
export class Jwt {
  readonly #header: Uint8Array;
  readonly #claims: Uint8Array;
  readonly #signature: Uint8Array;
  /** The text that is signed: the encoded header, a dot, and the encoded claims. */
  readonly signed: Uint8Array;

  /**
   * Makes steps 1 and 2: the length, and the form of the three parts. `text` has one character for
   * each octet.
   *
   * @throws {@link ProofError}
   */
  constructor(text: string) {
    if (text.length > MAX_PROOF_LENGTH) throw new ProofError("too-long");
    const parts = text.split(".").map((part) => fromBase64url(part));
    const [header, claims, signature] = parts;
    if (parts.length !== 3 || !header || !claims || !signature) throw new ProofError("form");
    this.#header = header;
    this.#claims = claims;
    this.#signature = signature;
    this.signed = latin1(text.slice(0, text.lastIndexOf(".")));
  }

  /**
   * Makes steps 3 to 6: the header, its `typ` and `alg`, and its key. `undefined` if the header has
   * no key.
   */
  key(type: string): Point | undefined {
    const header = parseObject(this.#header);
    // `crit` names extensions that must not be ignored. No extension is implemented here.
    if (header === undefined || member(header, "crit") !== undefined)
      throw new ProofError("header");
    if (member(header, "typ") !== type) throw new ProofError("type");
    if (member(header, "alg") !== "ES256") throw new ProofError("algorithm");
    const jwk = member(header, "jwk");
    if (jwk === undefined) return undefined;
    const key = pointFromJwk(jwk);
    if (key === undefined) throw new ProofError("key");
    return key;
  }

  claims(): Members {
    const claims = parseObject(this.#claims);
    if (claims === undefined) throw new ProofError("claims");
    return claims;
  }

  async verify(key: Point): Promise<void> {
    if (!(await verifies(key, this.signed, this.#signature))) throw new ProofError("signature");
  }
}

/** Reads a claim that must be a string and not empty. */
export function textOf(claims: Members, name: string): string {
  const value = member(claims, name);
  if (typeof value !== "string" || value === "") throw new ProofError("claim");
  return value;
}
