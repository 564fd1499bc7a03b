// Points of the curve P-256, and signatures by ECDSA with SHA-256 (ES256 of RFC 7518).
//
// The signatures are verified by WebCrypto, which every platform has. Its calls are asynchronous.
// Whether a point is on the curve is computed here, so that a key is refused for the same reason on
// every platform. This computation has no secrets.

import { hex } from "./bytes.js";

/** The length of a signature r ‖ s in bytes. */
export const SIGNATURE_LENGTH = 64;

const COORDINATE_LENGTH = 32;

/** The prime of the field, and the parameter b of the curve y² = x³ − 3x + b. */
const P = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn;
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;

/** A point of the curve that is not the identity. */
export interface Point {
  /** The point in compressed form (SEC 1, section 2.3.3), in hexadecimal: 66 digits. */
  readonly compressed: string;
  readonly x: Uint8Array;
  readonly y: Uint8Array;
}

/** The point with these coordinates, of 32 bytes each. `undefined` if it is not on the curve. */
export function pointOf(x: Uint8Array, y: Uint8Array): Point | undefined {
  if (x.length !== COORDINATE_LENGTH || y.length !== COORDINATE_LENGTH) return undefined;
  const [a, b] = [numberOf(x), numberOf(y)];
  if (a >= P || b >= P || (b * b) % P !== squareAt(a)) return undefined;
  return { compressed: (b % 2n === 0n ? "02" : "03") + hex(x), x, y };
}

/**
 * Whether r ‖ s is a signature of `message`.
 *
 * Both s and n − s are accepted, as in ES256. Therefore anyone who sees a signature can make a
 * second signature of the same message, and a signature must not be used as an id.
 */
export async function verifies(
  { x, y }: Point,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  if (signature.length !== SIGNATURE_LENGTH) return false;
  const raw = new Uint8Array(1 + 2 * COORDINATE_LENGTH);
  raw[0] = 4;
  raw.set(x, 1);
  raw.set(y, 1 + COORDINATE_LENGTH);
  const { subtle } = globalThis.crypto;
  const curve = { name: "ECDSA", namedCurve: "P-256" };
  const algorithm = { name: "ECDSA", hash: "SHA-256" };
  try {
    const key = await subtle.importKey("raw", raw, curve, false, ["verify"]);
    return await subtle.verify(
      algorithm,
      key,
      Uint8Array.from(signature),
      Uint8Array.from(message),
    );
  } catch {
    return false;
  }
}

/** Whether the platform can verify signatures. Browsers can only on pages with HTTPS. */
export function canVerify(): boolean {
  return (globalThis.crypto as Crypto | undefined)?.subtle !== undefined;
}

/** x³ − 3x + b. */
function squareAt(x: bigint): bigint {
  return (((x * x) % P) * x + (P - 3n) * x + B) % P;
}

function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${hex(bytes)}`);
}
