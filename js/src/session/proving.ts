// Sessions that are bound to a key: is the last proof recent, and what does a response tell the
// client about it?

import { unhex, hex } from "../bytes.js";
import type { Revocations } from "../revocation/list.js";
import type { Bundle } from "../transport/bundle.js";
import type { Cookie } from "../transport/cookie.js";
import type { InCookie } from "./bindings.js";
import type { Core, Written } from "./core.js";
import type { Alive } from "./judge.js";
import { longestAbsolute } from "./policy.js";
import { firstId } from "./record.js";
import type { Proof, SessionRecord } from "./record.js";
import type { ProofRefusal } from "./request-proof.js";
import { bindingOf } from "./shared.js";

/**
 * What makes a browser send a proof for a session that is bound to its device. A browser sends a
 * proof before each request that lacks the bound cookie, unless a page on another site sent the
 * request.
 *
 * - `none`: nothing. If the browser has the key, it should have sent a proof before this request.
 * - `delete-cookie`: the response must delete the bound cookie, which the request carries.
 * - `reload`: the browser must load the page again by itself, because a link on another site led
 *   here.
 * - `later`: the browser must wait. It tried to send a proof, but could not reach the server or had
 *   sent too many.
 */
export type Prompt = "none" | "delete-cookie" | "reload" | "later";

/**
 * Why the session has no proof that counts, or no key although the application requires one.
 * `undefined` if it has what it needs.
 */
export function missingProof<T>(
  core: Core<T>,
  alive: Alive<T>,
): ProofRefusal | "not-bound" | "unknown-activity" | undefined {
  const binding = bindingOf(core.shared, core.channel);
  if (binding === undefined) return undefined;
  const now = core.now();
  const shown = core.proof?.shown(alive);
  if (shown?.is === "wrong") return shown.refusal;
  if (alive.record.bound === undefined) {
    return binding.requiresKey(alive.record.startedAt, now) ? "not-bound" : undefined;
  }
  const proof = proofOf(core, alive);
  if (proof !== undefined && binding.counts(proof.at, now)) return undefined;
  // A browser's proof would have to be written over the renewal token, which this server cannot
  // open. In headers, a proof counts for its own request too.
  const isUnknown =
    proof === undefined && core.channel === "cookie" && alive.renewal.is === "left-alone";
  return isUnknown ? "unknown-activity" : "proof-due";
}

/**
 * The last proof of the session's device: the one in this request, or the one that the renewal token
 * records.
 */
export function proofOf<T>(core: Core<T>, alive: Alive<T>): Proof | undefined {
  const key = alive.record.bound;
  if (key === undefined) return undefined;
  const shown = core.proof?.shown(alive);
  const recorded = alive.provedAt ?? -1;
  const at = shown?.is === "key" ? Math.max(shown.at, recorded) : recorded;
  return at < 0 ? undefined : { at, key };
}

/** The last proof of a session that this request has changed in the way of `kind`. */
export function proofOfChange<T>(core: Core<T>, kind: Written<T>["kind"]): Proof | undefined {
  // Only a session in headers is bound when it starts.
  if (kind === "started") return core.proof?.signIn();
  const judged = core.judged();
  return judged.is === "alive" ? proofOf(core, judged.alive) : undefined;
}

/** Whether the request has a proof that the client's renewal token does not record yet. */
export function hasNewProof<T>(alive: Alive<T>, proof: Proof | undefined): boolean {
  return (proof?.at ?? -1) > (alive.provedAt ?? -1);
}

/** Whether the renewal token of the request records no proof that still counts. */
export function needsProof<T>(core: Core<T>, { provedAt }: Alive<T>): boolean {
  const binding = bindingOf(core.shared, core.channel);
  return provedAt === undefined || binding?.counts(provedAt, core.now()) !== true;
}

/**
 * Makes the client send a proof. A browser that still has the bound cookie loses it, and sends a
 * proof before its next request. Another client gets a challenge.
 */
export function askForProof<T>(core: Core<T>, bundle: Bundle): void {
  if (core.proof !== undefined) core.proof.wantsChallenge = true;
  const bound = boundIn(core);
  if (core.asking.prompt === "delete-cookie" && bound !== undefined) {
    bundle.setCookies([bound.cookie.removeBound()]);
  }
}

/**
 * Offers to bind the session to the device of the browser. A browser that does not support this
 * ignores the offer.
 */
export function offerBinding<T>(core: Core<T>, written: Written<T>, bundle: Bundle): void {
  const bound = boundIn(core);
  const { record, expiresAt } = written;
  if (bound === undefined || record.bound !== undefined || !bound.cookie.canBeBound) return;
  const { binding, registerPath } = bound.settings;
  const now = core.now();
  const lifetime = Math.max(expiresAt - now, 0);
  const challenge = binding.challenges.make(firstId(record), "proof", now, lifetime);
  if (challenge === undefined) return;
  const offer = `(ES256);path="${registerPath}";challenge="${challenge}"`;
  bundle.field("secure-session-registration", offer);
}

/** Tells the browser that the session of the request is over, if it was bound. */
export function endBinding<T>(core: Core<T>, bundle: Bundle): void {
  if (boundIn(core) === undefined) return; // the tokens need not be opened
  const judged = core.judged();
  if (judged.is === "alive" && judged.alive.record.bound !== undefined) {
    endKey(core, firstId(judged.alive.record), bundle);
  }
  if (judged.is === "refused" && judged.refused.fate === "cleared") {
    const { origin } = judged.refused;
    if (origin !== undefined) endKey(core, origin, bundle);
  }
}

/**
 * Tells the browser that its key for a session is no longer needed. The browser sends the challenge
 * of this response with its next proof. The answer to that proof says that it can delete the key.
 */
function endKey<T>(core: Core<T>, origin: string, bundle: Bundle): void {
  const bound = boundIn(core);
  if (bound === undefined) return;
  bundle.setCookies([bound.cookie.removeBound()]);
  const lifetime = longestAbsolute(core.shared.policies);
  const { challenges } = bound.settings.binding;
  const challenge = challenges.make(origin, "nothing", core.now(), lifetime);
  if (challenge === undefined) return;
  bundle.field("secure-session-challenge", `"${challenge}";id="${identifierOf(origin)}"`);
}

/** The settings and the cookie of bound sessions, if this request has its session in a cookie. */
function boundIn<T>(
  core: Core<T>,
): { readonly settings: InCookie; readonly cookie: Cookie } | undefined {
  const { boundInCookie: settings, cookie } = core.shared;
  if (core.channel !== "cookie" || settings === undefined || cookie === undefined) return undefined;
  return { settings, cookie: cookie.cookie };
}

/**
 * Whether a session was bound after its token without a key was made. If so, its unbound id is
 * revoked.
 */
export function hasBeenBound(record: SessionRecord, list: Revocations | undefined): boolean {
  return record.bound === undefined && list?.hasSession(unboundId(firstId(record))) === true;
}

/**
 * The id that is revoked with the first proof of a session's device. From then on, copies of the
 * session without the key are refused. It is the first id of the session with all bits inverted.
 */
export function unboundId(origin: string): string {
  return hex((unhex(origin) ?? new Uint8Array()).map((byte) => ~byte));
}

/**
 * The identifier of a bound session in the browser. It begins with a letter, because Chromium sends
 * it without quotes, as a token of RFC 9651.
 */
export function identifierOf(origin: string): string {
  return `s${origin}`;
}
