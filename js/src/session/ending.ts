// Ending a session, alone or with the other sessions of its subject.

import { REACH } from "../revocation/entry.js";
import type { Revocations } from "../revocation/list.js";
import { CLOCK_SKEW, plus } from "../time.js";
import { openRevision, rename, renamed } from "./change.js";
import type { Core } from "./core.js";
import { SessionError, sealing } from "./error.js";
import { firstId, newMark } from "./record.js";

export function end<T>(core: Core<T>): void {
  core.checkSender();
  checkRightToEnd(core);
  const { revocations } = core.shared;
  if (revocations !== undefined) revokeCopies(core, revocations);
  openRevision(core);
  core.change = { is: "ended" };
  core.revision += 1;
  core.hasEnded = true;
}

/**
 * Fails if the session of a client without cookies is bound to a key, or must be by now, and the
 * request does not show that the client has the key. Otherwise a copy of the tokens that is
 * worthless could still revoke the session. Without a list, nothing is revoked.
 */
function checkRightToEnd<T>(core: Core<T>): void {
  if (core.proof === undefined || core.shared.revocations === undefined) return;
  const judged = core.judged();
  const refusal = judged.is === "alive" ? core.unproven(judged.alive) : undefined;
  if (refusal !== undefined) throw core.proof.error(refusal.code);
}

function revokeCopies<T>(core: Core<T>, revocations: Revocations): void {
  const now = core.now();
  const last = lastOf(core);
  if (last === undefined) return;
  const until = Math.max(last.ends, revocations.last(now));
  revocations.addAt(now, { kind: "session", id: last.origin, until });
}

/**
 * The session of the request's tokens, and when the last of their copies ends.
 *
 * The session is revoked by its origin, the id under which it started. So copies that were made
 * before it got a new id are revoked too. The revocation lasts as long as the token can live,
 * because a server with longer timeouts may accept a copy for longer than this server would.
 */
function lastOf<T>(core: Core<T>): { readonly origin: string; readonly ends: number } | undefined {
  const judged = core.judged();
  if (judged.is === "alive") {
    const { record, token } = judged.alive;
    const ends = plus(token.issuedAt, token.lifetime + CLOCK_SKEW);
    return { origin: firstId(record), ends };
  }
  const origin = judged.is === "refused" ? judged.refused.origin : undefined;
  return origin === undefined ? undefined : { origin, ends: core.now() };
}

export function endEverywhere<T>(core: Core<T>): void {
  openRevision(core);
  const { state } = core.needed();
  const { revocations, subject } = revocable(core, state);
  revocations.revokeSubject(subject, core.now());
  end(core);
}

export function endOthers<T>(core: Core<T>): void {
  const revision = openRevision(core);
  const { record, state } = core.needed();
  const { revocations, subject } = revocable(core, state);
  // It may have been revoked after this request read it.
  if (core.isRevoked(record, state)) throw new SessionError("no-session");
  const now = core.now();
  const before = plus(now, REACH);
  if (record.endedOthers !== undefined && before <= record.endedOthers.before) {
    throw new SessionError("not-now");
  }
  const mark = sealing(newMark);
  const next = { ...renamed(record), endedOthers: { before, mark } };
  rename(core, next, revision);
  const except = { origin: firstId(next), mark };
  const until = revocations.last(now);
  revocations.addAt(now, { kind: "subject", subject, before, except, until });
}

function revocable<T>(
  core: Core<T>,
  state: T,
): { readonly revocations: Revocations; readonly subject: string } {
  const { revocations } = core.shared;
  if (revocations === undefined) throw new SessionError("no-revocations");
  const subject = core.subjectOf(state);
  if (subject === undefined) throw new SessionError("no-subject");
  return { revocations, subject };
}
