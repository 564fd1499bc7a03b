// The entry "bulla": everything that a server needs.

export * from "./errors.js";
export { Key } from "./key.js";
export { MAX_KEYS, MAX_RING_LENGTH, KeyRing, type Ring, type RingEntry, type Schedule } from "./ring.js";
export { json, type JsonOptions } from "./payload/json.js";
export { payload, type Encoding, type Payload, type PayloadOptions } from "./payload/payload.js";
export { MAX_TOKEN_LENGTH } from "./token.js";
