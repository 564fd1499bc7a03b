// Proofs for a single request: DPoP (RFC 9449).

import { equalBytes, hex } from "../bytes.js";
import { sha256 } from "../primitives.js";
import { LAST_SECOND } from "../time.js";
import { addressOf, isSameAddress } from "./address.js";
import { ProofError } from "./error.js";
import { Jwt, textOf } from "./jwt.js";
import { member } from "./json.js";
import { decoded } from "./key.js";

const TYPE = "dpop+jwt";

const IDENTIFIER_LENGTH = 16;

/**
 * A verified proof that a client has a private key, made for one request. The signature is right.
 * The caller must still compare every member with the request (RFC 9449 section 4.3).
 */
export interface DpopProof {
  /** The key in compressed form, in hexadecimal. */
  readonly key: string;
  /** The request's method. */
  readonly htm: string;
  /** The request's address. */
  readonly htu: string;
  /** When the client made the proof, by its own clock, in whole seconds. */
  readonly iat: number;
  /** The SHA-256 of the token that the client sends with the request. */
  readonly ath: Uint8Array | undefined;
  /** The challenge that the server gave the client. */
  readonly nonce: string | undefined;
  /**
   * Identifies the proof. It is computed from the text that is signed, because a signature of ECDSA
   * can be changed so that it is still valid.
   */
  readonly identifier: string;
}

/**
 * Verifies a proof with the public key in its header.
 *
 * @throws {@link ProofError}
 */
export async function readDpop(proof: string): Promise<DpopProof> {
  const jwt = new Jwt(proof);
  const key = jwt.key(TYPE);
  if (key === undefined) throw new ProofError("no-key");
  const claims = jwt.claims();
  // The proof's id is not used: the text that is signed identifies the proof as well.
  textOf(claims, "jti");
  const [htm, htu] = [textOf(claims, "htm"), textOf(claims, "htu")];
  const [iat, ath] = [member(claims, "iat"), member(claims, "ath")];
  // A NumericDate may have a fraction (RFC 7519 section 2).
  if (typeof iat !== "number" || iat < 0 || iat >= 2 ** 64) throw new ProofError("claim");
  const token = decoded(ath);
  const nonce = member(claims, "nonce");
  const isNonce = nonce === undefined || typeof nonce === "string";
  if ((ath !== undefined && token === undefined) || !isNonce) throw new ProofError("claim");
  await jwt.verify(key);
  return {
    key: key.compressed,
    htm,
    htu,
    iat: Math.min(Math.floor(iat), LAST_SECOND),
    ath: token,
    nonce,
    identifier: hex(sha256(jwt.signed).subarray(0, IDENTIFIER_LENGTH)),
  };
}

/**
 * Whether the proof is for a request with this method to this address, such as
 * `https://bank.example/transfer`. The query and the fragment are ignored.
 */
export function isFor({ htm, htu }: DpopProof, method: string, address: string): boolean {
  const [own, other] = [addressOf(htu), addressOf(address)];
  return htm === method && own !== undefined && other !== undefined && isSameAddress(own, other);
}

/** Whether the proof names this token. */
export function isWith({ ath }: DpopProof, token: Uint8Array): boolean {
  return ath !== undefined && equalBytes(ath, sha256(token));
}
