// The entry "bulla/payload": what a token can hold.

export { PayloadError } from "../errors.js";
export { json, type JsonOptions } from "./json.js";
export { payload, type Encoding, type Payload, type PayloadOptions } from "./payload.js";
export {
  postcard,
  type Duration,
  type PostcardOptions,
  type SystemTime,
} from "./postcard.js";
export { generate, type GenerateOptions } from "./generate.js";
