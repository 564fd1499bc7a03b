// The entry "bulla/sessions": sessions, their transports, sealed cookies, and revocations.
//
// A session has two tokens. The state token holds the state. The renewal token records the last
// activity.
//
// | question | file |
// |---|---|
// | How long do sessions live? | `policy` |
// | What do all sessions of an application share, and how is a request loaded? | `sessions`, `shared` |
// | What do a session's tokens contain in addition to the state? | `record` |
// | How are a session's two tokens sealed? | `tokens` |
// | Is the session of this request absent, refused or alive? | `judge` |
// | Why is it refused? | `refusal` |
// | Is a bound session's last proof recent, and what does the client learn about it? | `bindings`, `proving` |
// | What does the proof in a request show? | `request-proof`, `challenge`, `used` |
// | How does a handler use its session? | `session` (public), `core` (inside) |
// | How does a session start, change and end? | `change`, `ending` |
// | What does the response do with the session: write, renew, delete or nothing? | `closing` |
// | How are tokens written, renewed and deleted in header lines? | `answer` |
// | What does a client without a session get? | `guard`, `asker`, `come-back` |
// | What can an application and a log learn? | `info`, `event` |

export { AddressError } from "./bindings.js";
export type { BindingOptions, DeviceBoundOptions, DpopOptions } from "./bindings.js";
export type { StartOptions } from "./change.js";
export { localPath } from "./come-back.js";
export { SessionError } from "./error.js";
export type { SessionCode } from "./error.js";
export type { Event, ProofRefusedCode } from "./event.js";
export type { ProofCode } from "../proof/error.js";
export { Denied } from "./guard.js";
export type { Info, Status } from "./info.js";
export { Policy } from "./policy.js";
export type { PolicyOptions } from "./policy.js";
export type { Refusal, RefusalCode } from "./refusal.js";
export { Session } from "./session.js";
export { Sessions } from "./sessions.js";
export type { SessionsOptions } from "./sessions.js";
export type { Channel, Validity } from "./shared.js";
export { UsedHere } from "./used.js";
export type { UsedTokens } from "./used.js";

export * from "../revocation.js";
export { Bearer, BearerError } from "../transport/bearer.js";
export { Bundle } from "../transport/bundle.js";
export type { Line, Rule } from "../transport/bundle.js";
export { Cookie, CookieError, MAX_COOKIE_AGE, MAX_COOKIE_LENGTH } from "../transport/cookie.js";
export type { CookieOptions } from "../transport/cookie.js";
export { OriginError } from "../transport/cross-origin.js";
export type { HeaderValues, RequestParts } from "../transport/request.js";
export { SealedCookie } from "../transport/sealed-cookie.js";
export type { SealedCookieOptions } from "../transport/sealed-cookie.js";
export { Sealed, SetError } from "../transport/value.js";
export type { SetCode } from "../transport/value.js";
