// One request of a client with a session, for the table of bulla-cross.

import {
  Bearer,
  Cookie,
  KeyRing,
  Policy,
  Revocations,
  Sessions,
  formatRevocation,
  parseRevocation,
} from "../../src/index.js";
import type { Line, Session } from "../../src/index.js";
import { Account } from "./tokens.js";

interface Visit {
  readonly ring: string;
  readonly now: number;
  readonly over: "cookie" | "pieces" | "bearer";
  readonly remembered: readonly [idle: number, absolute: number] | null;
  readonly revocations: readonly string[];
  readonly kept: Readonly<Record<string, string>>;
  readonly action: Action | null;
}

interface Action {
  readonly do: "start" | "set" | "reauthenticate" | "end-others" | "end";
  readonly state: Account;
  readonly ceiling: number | null;
  readonly remembered: boolean;
}

export function visit(visit: Visit): unknown {
  const revocations = new Revocations();
  for (const line of visit.revocations) revocations.add(parseRevocation(line));
  const sessions = sessionsOf(visit, revocations);
  const headers = headersOf(visit);
  const values = (name: string) => headers.get(name) ?? [];
  const session = sessions.load({ method: "POST", values }, { now: visit.now });
  const { status } = session;
  const found = status.kind === "refused" ? status.refusal.code : status.kind;
  const described = describe(session);
  act(session, visit);
  const kept = new Map(Object.entries(visit.kept));
  for (const line of session.commit()) take(kept, line);
  return {
    found,
    session: described,
    kept: Object.fromEntries(kept),
    revocations: revocations.toArray().map(formatRevocation),
  };
}

function sessionsOf(visit: Visit, revocations: Revocations): Sessions<Account> {
  const { remembered, over } = visit;
  const [idleTimeout, absoluteTimeout] = remembered ?? [];
  return new Sessions({
    ring: KeyRing.parse(visit.ring),
    payload: Account,
    revocations,
    subject: ({ id }) => String(id),
    ...(idleTimeout !== undefined && absoluteTimeout !== undefined
      ? { remembered: new Policy({ idleTimeout, absoluteTimeout }) }
      : {}),
    ...(over === "bearer"
      ? { bearer: new Bearer() }
      : { cookie: new Cookie({ split: over === "pieces" }) }),
  });
}

/** The headers with which the client sends its tokens back. */
function headersOf({ over, kept }: Visit): ReadonlyMap<string, readonly string[]> {
  const pairs = Object.entries(kept);
  if (over !== "bearer") {
    return new Map([["cookie", [pairs.map((pair) => pair.join("=")).join("; ")]]]);
  }
  return new Map(
    pairs.map(([name, value]) =>
      name === "session-token" ? ["authorization", [`Bearer ${value}`]] : [name, [value]],
    ),
  );
}

function describe(session: Session<Account>): unknown {
  const { info, data } = session;
  if (info === undefined) return null;
  return {
    id: info.id,
    origin: info.origin,
    remembered: info.remembered,
    started_at: info.startedAt,
    reauthenticated_at: info.reauthenticatedAt,
    last_seen: info.lastSeen,
    idle_expires_at: info.idleExpiresAt,
    expires_at: info.expiresAt,
    key_id: info.keyId,
    state: data,
  };
}

function act(session: Session<Account>, { action, over }: Visit): void {
  switch (action?.do) {
    case "start": {
      const { state, ceiling, remembered } = action;
      session.start(state, {
        over: over === "bearer" ? "bearer" : "cookie",
        remembered,
        ...(ceiling === null ? {} : { ceiling }),
      });
      return;
    }
    case "set":
      return session.set(action.state);
    case "reauthenticate":
      return session.reauthenticated();
    case "end-others":
      return session.endOthers();
    case "end":
      return session.end();
    default:
  }
}

function take(kept: Map<string, string>, { name, value, sensitive }: Line): void {
  const cookie = name === "set-cookie" ? /^([^=]*)=([^;]*);(.*)$/.exec(value) : null;
  if (cookie !== null) {
    const [, cookieName = "", token = "", attributes = ""] = cookie;
    if (attributes.includes("Max-Age=0")) kept.delete(cookieName);
    else kept.set(cookieName, token);
  } else if (sensitive && value === "") kept.delete(name);
  else if (sensitive) kept.set(name, value);
}
