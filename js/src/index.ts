// The entry "bulla": everything that a server needs.

export * from "./errors.js";
export { Key } from "./key.js";
export { json, type JsonOptions } from "./payload/json.js";
export {
  postcard,
  type Duration,
  type PostcardOptions,
  type SystemTime,
} from "./payload/postcard.js";
export { payload, type Encoding, type Payload, type PayloadOptions } from "./payload/payload.js";
export {
  RingHandle,
  Reloader,
  type Reload,
  type ReloadOptions,
  type RingHealth,
  type RingSource,
  type WatchOptions,
} from "./reload.js";
export {
  KeyRing,
  MAX_KEYS,
  MAX_RING_LENGTH,
  type Ring,
  type RingEntry,
  type Schedule,
} from "./ring.js";
export { Sealer, type SealerOptions } from "./sealer.js";
export { Signer, type SignerOptions } from "./signer.js";
export * from "./session/index.js";
export { CLOCK_SKEW, LAST_SECOND, formatInstant, parseInstant } from "./time.js";
export { MAX_TOKEN_LENGTH } from "./token.js";
export { Opened, type At } from "./values.js";
export { readUnverified, verify, type Unverified, type VerifyOptions } from "./verify.js";
