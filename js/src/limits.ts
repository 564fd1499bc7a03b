// The options that limit the length of tokens.

import { MAX_TOKEN_LENGTH } from "./token.js";

/** The bucket and the maximum length, with their defaults. @throws TypeError */
export function checkedLimits(options: { readonly bucket?: number; readonly maxLength?: number }): {
  readonly bucket: number;
  readonly maxLength: number;
} {
  const { bucket = 1, maxLength = MAX_TOKEN_LENGTH } = options;
  if (!Number.isInteger(bucket) || bucket < 1 || bucket > 255) {
    throw new TypeError("a bucket is a whole number from 1 to 255");
  }
  if (!Number.isInteger(maxLength) || maxLength < 0) {
    throw new TypeError("a maximum length is a whole number");
  }
  return { bucket, maxLength: Math.min(maxLength, MAX_TOKEN_LENGTH) };
}
