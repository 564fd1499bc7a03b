// Why a proof is refused.

/**
 * Why a proof is refused: the first step of section 9.5 of the specification that fails, up to the
 * signature.
 */
export type ProofCode =
  | "too-long"
  | "form"
  | "header"
  | "type"
  | "algorithm"
  | "key"
  | "no-key"
  | "other-key"
  | "claims"
  | "claim"
  | "signature";

/** The error of a proof. It repeats nothing of the proof, and does not leave this package. */
export class ProofError extends Error {
  readonly code: ProofCode;

  constructor(code: ProofCode) {
    super(`the proof is refused: ${code}`);
    this.code = code;
  }
}
