// The closing half of a session's state machine: decides what the response does with the session
// (write, renew, delete or nothing).
//
// `judge` is the opening half. `answer` writes the header lines.

import { SealError } from "../errors.js";
import { Bundle } from "../transport/bundle.js";
import { follow, prove, remove, removeFormer, renew, write } from "./answer.js";
import type { Beside } from "./answer.js";
import type { Core, Written } from "./core.js";
import type { Alive } from "./judge.js";
import {
  askForProof,
  endBinding,
  hasNewProof,
  needsProof,
  offerBinding,
  proofOf,
} from "./proving.js";
import { firstId } from "./record.js";
import { varyOf } from "./shared.js";
import type { Seen } from "./tokens.js";

export function discardChanges<T>(core: Core<T>): void {
  if (core.change.is !== "written") return;
  core.change = { is: core.hasEnded ? "ended" : "untouched" };
}

export function commit<T>(core: Core<T>): Bundle {
  const bundle = new Bundle();
  if (core.isSent) return bundle;
  core.isSent = true;
  if (core.hasEnded) core.emit({ kind: "ended", origin: judgedOrigin(core) });
  const { change, proof } = core;
  if (change.is === "untouched" && !core.isJudged && proof?.wantsChallenge !== true) return bundle;
  if (change.is === "written") {
    send(core, change.written, bundle);
  } else if (change.is === "ended") {
    endBinding(core, bundle);
    remove(core.shared, core.channel, beside(core), bundle);
  } else if (core.isJudged) {
    sendUntouched(core, bundle);
  }
  proof?.giveChallenge(bundle);
  if (!bundle.isEmpty) bundle.noStore();
  bundle.vary(varyOf(core.shared));
  return bundle;
}

function send<T>(core: Core<T>, written: Written<T>, bundle: Bundle): void {
  const { record, tokens, kind } = written;
  const { carried } = core.asking;
  const [id, origin] = [record.id, firstId(record)];
  core.emit({ kind, id, origin });
  if (kind === "started" && record.bound !== undefined) core.emit({ kind: "bound", id, origin });
  const carries = carried.states.length > 0 || carried.renewals.length > 0;
  if (tokens.channel !== core.channel && carries) {
    remove(core.shared, core.channel, beside(core), bundle);
  }
  // A change of the state keeps the client's renewal token, because a concurrent request may have
  // recorded later activity in it. `follow` replaces this token if it is invalid or was not made
  // with the primary key. If the token holds a copy of the old state token, the copy is not used
  // for the new one.
  write(core.shared, tokens, kind === "changed" ? "stays" : beside(core), bundle);
  if (kind === "started") endBinding(core, bundle);
  // Only a user who has just proved who they are may bind the session. If every response made the
  // offer, a thief could bind a copy of the session.
  if (kind !== "changed" && tokens.channel === "cookie") offerBinding(core, written, bundle);
  if (kind !== "changed" || !core.isJudged) return;
  const judged = core.judged();
  if (judged.is !== "alive") return;
  const { alive } = judged;
  recorded(core, () =>
    follow(core.shared, tokens, alive, seenAt(core, alive, core.later()), bundle),
  );
}

function sendUntouched<T>(core: Core<T>, bundle: Bundle): void {
  const judged = core.judged();
  if (judged.is === "absent") return;
  if (judged.is === "alive" && core.unproven(judged.alive)?.code === "proof-due") {
    return askForProof(core, bundle);
  }
  const fate = judged.is === "refused" ? judged.refused.fate : core.fateOfUnaccepted(judged.alive);
  if (fate === "cleared") {
    endBinding(core, bundle);
    clear(core, bundle);
  }
  if (fate === undefined && judged.is === "alive") sendAlive(core, judged.alive, bundle);
}

function sendAlive<T>(core: Core<T>, alive: Alive<T>, bundle: Bundle): void {
  const seen = seenAt(core, alive, core.now());
  // A background request records no activity. Its renewal token could replace one that a concurrent
  // request has just written, with a newer time of activity or a newer copy of the state token. So it
  // records a proof only if one was due.
  const proves = hasNewProof(alive, seen.proof) && needsProof(core, alive);
  if (core.ignoresActivity && !proves) return;
  const renewed = recorded(core, () => {
    if (core.ignoresActivity) {
      prove(core.shared, core.channel, alive, { ...seen, at: alive.lastSeen }, bundle);
    } else {
      renew(core.shared, core.channel, alive, seen, () => core.later(), bundle);
    }
  });
  if (renewed && !bundle.isEmpty) {
    core.emit({ kind: "renewed", id: alive.record.id, origin: firstId(alive.record) });
  }
}

/**
 * Runs code that writes a renewal token. If it cannot be sealed, the response is built without it,
 * and a later request tries again. Returns `false` then.
 */
function recorded<T>(core: Core<T>, run: () => void): boolean {
  try {
    run();
    return true;
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    core.emit({ kind: "not-renewed", error });
    return false;
  }
}

/** The first id of the session of this request, if its tokens were opened. */
function judgedOrigin<T>(core: Core<T>): string | undefined {
  if (!core.isJudged) return undefined;
  const judged = core.judged();
  if (judged.is === "alive") return firstId(judged.alive.record);
  return judged.is === "refused" ? judged.refused.origin : undefined;
}

/** What a renewal token records if the session was active at `at`. */
function seenAt<T>(core: Core<T>, alive: Alive<T>, at: number): Seen {
  const proof = proofOf(core, alive);
  return { at, sealedAt: at, validatedAt: core.validatedAt(alive), proof };
}

/**
 * Deletes the tokens of a refused session. If they are in a former cookie, the new cookie is kept,
 * because a concurrent sign-in may just have written it.
 */
function clear<T>(core: Core<T>, bundle: Bundle): void {
  const { cookie } = core.shared;
  const isFormer = core.asking.carried.place !== "current";
  if (isFormer && cookie !== undefined) removeFormer(cookie.cookie, bundle);
  else remove(core.shared, core.channel, beside(core), bundle);
}

/**
 * What happens to the client's renewal token if its session ends or is replaced. If the session is
 * in a former cookie, it is not known whether the new cookie has a renewal token. The response then
 * deletes it in any case.
 */
function beside<T>(core: Core<T>): Beside {
  const { renewals, place } = core.asking.carried;
  return renewals.length === 0 && place === "current" ? "stays" : "goes";
}
