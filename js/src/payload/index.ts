// The entry "bulla/payload": what a token can hold.

export { PayloadError } from "../errors.js";
export { json, type JsonOptions } from "./json.js";
export { payload, type Encoding, type Payload, type PayloadOptions } from "./payload.js";
