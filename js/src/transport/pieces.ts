// Splitting a token that is too long for one cookie into several (spec section 9.2).

import { latin1, toBase64url } from "../bytes.js";
import { sha256 } from "../primitives.js";

/** The most cookies that one token may use. */
export const MAX_PIECES = 4;

/** Length of the header of a piece: `p1.`, index, count, `.`, digest, `.` */
export const HEADER_LENGTH = 15;

const PIECE = /^p1\.([0-3])([2-4])\.([^]{8})\.([^]+)$/;

/** The value of a cookie, with the index of the cookie's name (0 for NAME, 1 for NAME-1, …). */
export interface Found {
  readonly at: number;
  readonly value: string;
}

/**
 * Splits `token` into the values of 2 to 4 cookies, each with at most `chunk` characters of it.
 * `undefined` if the token needs more or fewer cookies.
 */
export function split(token: string, chunk: number): string[] | undefined {
  const chunks: string[] = [];
  for (let at = 0; at < token.length; at += Math.max(chunk, 1)) {
    if (chunks.length === MAX_PIECES) return undefined;
    chunks.push(token.slice(at, at + Math.max(chunk, 1)));
  }
  if (chunks.length < 2) return undefined;
  const digest = digestOf(token);
  return chunks.map((part, index) => `p1.${index}${chunks.length}.${digest}.${part}`);
}

/**
 * Joins pieces into tokens. Returns only tokens that are complete and match the digest in their
 * pieces, in the order of their first pieces.
 */
export function join(found: readonly Found[]): string[] {
  const pieces = found.map(parse).filter((piece) => piece !== undefined);
  const tokens: string[] = [];
  for (const first of pieces) {
    if (first.index !== 0) continue;
    const token = assemble(first, pieces);
    if (token !== undefined) tokens.push(token);
  }
  return tokens;
}

export function isPiece(value: string): boolean {
  return value.startsWith("p1.");
}

interface Piece {
  readonly index: number;
  readonly count: number;
  readonly digest: string;
  readonly chunk: string;
}

function parse({ at, value }: Found): Piece | undefined {
  const parts = PIECE.exec(value);
  if (parts === null) return undefined;
  const [, index, count, digest, chunk] = parts as unknown as [
    string,
    string,
    string,
    string,
    string,
  ];
  if (Number(index) !== at) return undefined;
  return { index: at, count: Number(count), digest, chunk };
}

function assemble(first: Piece, pieces: readonly Piece[]): string | undefined {
  let token = first.chunk;
  for (let index = 1; index < first.count; index += 1) {
    const next = pieces.find(
      (piece) =>
        piece.index === index && piece.count === first.count && piece.digest === first.digest,
    );
    if (next === undefined) return undefined;
    token += next.chunk;
  }
  return digestOf(token) === first.digest ? token : undefined;
}

function digestOf(token: string): string {
  return toBase64url(sha256(latin1(token)).subarray(0, 6));
}
