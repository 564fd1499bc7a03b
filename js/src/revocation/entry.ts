// One revocation and its text form.

import { hex, randomBytes, utf8 } from "../bytes.js";
import { BullaError, RandomError } from "../errors.js";
import { sha256 } from "../primitives.js";
import { CLOCK_SKEW, formatInstant, parseInstant, plus } from "../time.js";

/**
 * A server sets the instant of a revocation 61 seconds after the time of its own clock. Therefore
 * the revocation also revokes sessions that started on a server whose clock is ahead.
 */
export const REACH = CLOCK_SKEW + 1;

/**
 * The mark of an exception that no token has. A merge sets this mark if a session ended the other
 * sessions of its subject twice in the same second.
 */
export const NO_MARK = "0000000000000000";

/**
 * The tokens that a revocation does not revoke, although their session started before its instant:
 * the new token of the session that made the revocation (`endOthers`), and the tokens of sessions
 * that started on a server that already knew the revocation.
 */
export interface Exception {
  /**
   * The first id of the session that made the revocation, in 32 lower-case hexadecimal digits. If
   * no session made it, these are random.
   */
  readonly origin: string;
  /**
   * 16 lower-case hexadecimal digits, which are random. They distinguish the session's new token
   * from copies of its earlier tokens.
   */
  readonly mark: string;
}

/** Revokes one session. */
export interface SessionRevocation {
  readonly kind: "session";
  /** The id under which the session started (`info.origin`). */
  readonly id: string;
  /** When the session would have ended anyway. */
  readonly until: number;
}

/** Revokes the sessions of one subject that started before an instant. */
export interface SubjectRevocation {
  readonly kind: "subject";
  /** The subject: the result of {@link subjectOf}. */
  readonly subject: string;
  /** Sessions that started before this instant are revoked. */
  readonly before: number;
  /** The tokens that are not revoked. */
  readonly except: Exception | undefined;
  /** When the last of the revoked sessions would have ended anyway. */
  readonly until: number;
}

/** Revokes the state tokens under one key that were issued before an instant. */
export interface KeyRevocation {
  readonly kind: "key";
  /** The id of the key, in 8 lower-case hexadecimal digits. */
  readonly id: string;
  /** Tokens that were issued before this instant are revoked. */
  readonly before: number;
  /** When the last of the revoked tokens would have expired anyway. */
  readonly until: number;
}

/** Revokes all sessions that started before an instant. */
export interface AllRevocation {
  readonly kind: "all";
  /** Sessions that started before this instant are revoked. */
  readonly before: number;
  /** The tokens that are not revoked. */
  readonly except: Exception | undefined;
  /** When the last of the revoked sessions would have ended anyway. */
  readonly until: number;
}

/**
 * A revocation. All times are whole seconds since 1970. Its text form is one line, such as
 * `session 6f0c2a90b3d14e5f8a7b6c5d4e3f2a1b until=2026-12-01T12:00:00Z`, and is the same as that of
 * the Rust library: see {@link formatRevocation} and {@link parseRevocation}.
 */
export type Revocation = SessionRevocation | SubjectRevocation | KeyRevocation | AllRevocation;

/**
 * Identifies the user whose sessions are revoked: the first 16 bytes of a SHA-256 of the purpose
 * and the subject's name, in hexadecimal.
 *
 * The digest keeps names out of lists and logs. It does not hide them from an attacker who hashes
 * all possible names.
 */
export function subjectOf(purpose: string, name: string): string {
  return hex(sha256(utf8(`bulla/1/subject\0${purpose}\0${name}`)).subarray(0, 16));
}

/**
 * A revocation of the sessions of `subject` that exist at `now`.
 *
 * The instant `before` is 61 seconds after `now`, because a session may have started on a server
 * whose clock is ahead by up to 60 seconds. A session that starts later on a server that knows the
 * revocation is not revoked. `until` is the time at which the last revoked session would have
 * ended: `now`, plus the absolute timeout, plus 60 seconds.
 */
export function revocationOfSubject(
  subject: string,
  now: number,
  until: number,
): SubjectRevocation {
  return { kind: "subject", subject, before: plus(now, REACH), except: exceptionOfNobody(), until };
}

/** A revocation of all sessions that exist at `now`. See {@link revocationOfSubject}. */
export function revocationOfAll(now: number, until: number): AllRevocation {
  return { kind: "all", before: plus(now, REACH), except: exceptionOfNobody(), until };
}

/**
 * An exception for a revocation that no session makes. If the random generator fails, the
 * revocation has no exception. Then new sign-ins are also refused for about a minute.
 */
function exceptionOfNobody(): Exception | undefined {
  try {
    return { origin: hex(randomBytes(16)), mark: hex(randomBytes(8)) };
  } catch (error) {
    if (error instanceof RandomError) return undefined;
    throw error;
  }
}

/** Writes a revocation as one line of text, without a line break. */
export function formatRevocation(revocation: Revocation): string {
  const until = `until=${formatInstant(revocation.until)}`;
  switch (revocation.kind) {
    case "session":
      return `session ${revocation.id} ${until}`;
    case "key":
      return `key ${revocation.id} before=${formatInstant(revocation.before)} ${until}`;
    case "subject":
      return `subject ${revocation.subject} ${instants(revocation, until)}`;
    case "all":
      return `all ${instants(revocation, until)}`;
  }
}

function instants({ before, except }: SubjectRevocation | AllRevocation, until: string): string {
  const exception = except === undefined ? "" : ` except=${except.origin}.${except.mark}`;
  return `before=${formatInstant(before)} ${until}${exception}`;
}

/**
 * Reads a line that {@link formatRevocation} or the Rust library wrote.
 *
 * @throws {@link RevocationError} if the line is not a revocation. A newer release may have written
 * it, so skip such a line instead of failing.
 */
export function parseRevocation(line: string): Revocation {
  const words = line.split(/[ \t\n\f\r]+/).filter((word) => word !== "");
  const [kind, ...rest] = words;
  switch (kind) {
    case "session": {
      const [id, until] = exactly(rest, 2);
      return { kind, id: digits(id, 32), until: instant(until, "until=") };
    }
    case "key": {
      const [id, before, until] = exactly(rest, 3);
      return {
        kind,
        id: digits(id, 8),
        before: instant(before, "before="),
        until: instant(until, "until="),
      };
    }
    case "subject": {
      const [subject, before, until, ...more] = rest;
      return {
        kind,
        subject: digits(subject, 32),
        before: instant(before, "before="),
        except: exception(more),
        until: instant(until, "until="),
      };
    }
    case "all": {
      const [before, until, ...more] = rest;
      return {
        kind,
        before: instant(before, "before="),
        except: exception(more),
        until: instant(until, "until="),
      };
    }
    default:
      throw new RevocationError();
  }
}

/** The error for a line that is not a revocation. */
export class RevocationError extends BullaError {
  override readonly code = "revocation";

  /** @internal */
  constructor() {
    super(
      "not a revocation: session ID until=INSTANT, or subject DIGEST, key ID or all, with " +
        "before=INSTANT until=INSTANT; after a subject or all, except=ORIGIN.MARK may follow",
    );
  }
}

function exactly(words: readonly string[], count: number): readonly string[] {
  if (words.length !== count) throw new RevocationError();
  return words;
}

function digits(word: string | undefined, count: number): string {
  if (word === undefined || word.length !== count || !/^[0-9a-f]*$/.test(word)) {
    throw new RevocationError();
  }
  return word;
}

function instant(word: string | undefined, name: string): number {
  const value = word?.startsWith(name) ? parseInstant(word.slice(name.length)) : undefined;
  if (value === undefined) throw new RevocationError();
  return value;
}

/** Reads the last, optional part of a line. */
function exception(words: readonly string[]): Exception | undefined {
  if (words.length === 0) return undefined;
  const [word] = exactly(words, 1);
  const parts = /^except=([^.]*)\.(.*)$/.exec(word ?? "");
  if (parts === null) throw new RevocationError();
  return { origin: digits(parts[1], 32), mark: digits(parts[2], 16) };
}
