// Revocations that are stored in a file, for several processes on one host. Node only.
//
// The file has one revocation on each line, in the text form of `formatRevocation`. The Rust
// library reads and writes the same file.

import { closeSync, constants, fstatSync, openSync, readSync, statSync, writeSync } from "node:fs";

import { fromUtf8 } from "../bytes.js";
import { RevocationError, formatRevocation, parseRevocation } from "../revocation/entry.js";
import type { Revocation } from "../revocation/entry.js";
import { Revocations } from "../revocation/list.js";
import { unixNow } from "../time.js";

/** How often expired revocations are dropped, in seconds. */
const PRUNE = 60;

/** Options of {@link followRevocations}. */
export interface FollowOptions {
  /** How often new lines are read, in milliseconds. The default is 1000. */
  readonly interval?: number;
  /**
   * Is called if the file cannot be read or written later on, and with each line that is not a
   * revocation. The default writes the error to the console.
   */
  readonly onError?: (error: Error) => void;
}

/** A list of revocations that follows a file. */
export interface FollowedRevocations {
  /** The list. Pass it to `Sessions`. */
  readonly revocations: Revocations;
  /** Stops reading the file. */
  stop(): void;
}

/**
 * Loads a list of revocations from a file, and follows the file.
 *
 * Lines that other processes append take effect in this process within about a second. A
 * revocation that this process adds is in the file before `add` returns. If the file cannot be
 * read, the list stays as it is, and `revocations.confirmedAt` is the time of the last successful
 * read. The file is created with mode 0600 if it does not exist.
 *
 * This function never shortens the file, because Node cannot lock it. A server in Rust that follows
 * the same file does so.
 *
 * @example
 * ```ts
 * const { revocations } = followRevocations("/var/lib/bank/revoked");
 * const sessions = new Sessions({ ring, payload, revocations, subject: (a) => String(a.id) });
 * ```
 *
 * @throws If the file cannot be read, or does not exist and cannot be created. Do not continue
 * without the list, because the server would then accept revoked sessions.
 */
export function followRevocations(path: string, options: FollowOptions = {}): FollowedRevocations {
  const onError = options.onError ?? ((error: Error) => console.error(error.message));
  const file = new Follower(path, onError);
  const revocations = new Revocations();
  file.create();
  file.look(revocations);
  revocations.onAdd((revocation) => {
    try {
      file.add(revocation);
    } catch (error) {
      onError(new Error(`a revocation could not be written to ${path}`, { cause: error }));
    }
  });
  let pruned = unixNow();
  const timer = setInterval(() => {
    try {
      file.look(revocations);
    } catch (error) {
      onError(new Error(`the revocation list ${path} cannot be read`, { cause: error }));
    }
    const now = unixNow();
    if (now - pruned < PRUNE) return;
    revocations.prune(now);
    file.forget(now);
    pruned = now;
  }, options.interval ?? 1000);
  timer.unref();
  return { revocations, stop: () => file.stop(timer) };
}

/** Reads the lines that were added to a file since the last look, and appends lines. */
class Follower {
  readonly #path: string;
  readonly #onError: (error: Error) => void;
  /**
   * The file that was read last. It stays open, so that a replacement cannot get the same inode
   * number.
   */
  #held: { readonly descriptor: number; readonly inode: bigint } | undefined;
  #offset = 0;
  #lines = 0;
  /**
   * The lines that this process has appended, with the time at which each expires. A process that
   * replaces the file may have read it before such a line was appended. Then the line is appended
   * again.
   */
  readonly #own = new Map<string, number>();

  constructor(path: string, onError: (error: Error) => void) {
    this.#path = path;
    this.#onError = onError;
  }

  create(): void {
    closeSync(openSync(this.#path, "a", 0o600));
  }

  add(revocation: Revocation): void {
    const line = formatRevocation(revocation);
    this.#own.set(line, revocation.until);
    this.#append(line);
  }

  forget(now: number): void {
    for (const [line, until] of this.#own) if (until <= now) this.#own.delete(line);
  }

  stop(timer: NodeJS.Timeout): void {
    clearInterval(timer);
    if (this.#held !== undefined) closeSync(this.#held.descriptor);
    this.#held = undefined;
  }

  look(list: Revocations): void {
    const now = unixNow();
    const replaced = this.#openAgain();
    const lines = this.#newLines();
    const news: Revocation[] = [];
    for (const line of lines) {
      this.#lines += 1;
      const revocation = this.#parsed(line);
      if (revocation !== undefined) news.push(revocation);
    }
    list.learn(news);
    list.confirm(now);
    if (!replaced) return;
    const held = new Set(lines);
    for (const [line, until] of this.#own) if (until > now && !held.has(line)) this.#append(line);
  }

  /**
   * Opens the file if another has replaced it, or if it was cut. Returns whether it was replaced.
   */
  #openAgain(): boolean {
    const descriptor = openSync(this.#path, "r");
    const { ino: inode, size } = fstatSync(descriptor, { bigint: true });
    const held = this.#held;
    if (held !== undefined && held.inode === inode && size >= BigInt(this.#offset)) {
      closeSync(descriptor);
      return false;
    }
    if (held !== undefined) closeSync(held.descriptor);
    this.#held = { descriptor, inode };
    [this.#offset, this.#lines] = [0, 0];
    return held !== undefined;
  }

  /** The complete lines after the last one that was read. */
  #newLines(): string[] {
    if (this.#held === undefined) return [];
    const { descriptor } = this.#held;
    const size = Number(fstatSync(descriptor, { bigint: true }).size);
    const bytes = new Uint8Array(Math.max(size - this.#offset, 0));
    const read = bytes.subarray(0, readSync(descriptor, bytes, 0, bytes.length, this.#offset));
    const end = read.lastIndexOf(0x0a) + 1;
    this.#offset += end;
    if (end === 0) return [];
    return splitLines(read.subarray(0, end - 1));
  }

  #parsed(line: string): Revocation | undefined {
    const text = line.trim();
    if (text === "" || text.startsWith("#")) return undefined;
    try {
      return parseRevocation(text);
    } catch (error) {
      if (!(error instanceof RevocationError)) throw error;
      // A newer release may have written it.
      this.#onError(new Error(`line ${this.#lines} of ${this.#path} is not a revocation`));
      return undefined;
    }
  }

  #append(line: string): void {
    for (let round = 0; round < 100; round += 1) {
      const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT;
      const descriptor = openSync(this.#path, flags, 0o600);
      try {
        const { ino: inode, size } = fstatSync(descriptor, { bigint: true });
        const last = new Uint8Array([0x0a]);
        if (size > 0n) readSync(descriptor, last, 0, 1, size - 1n);
        // A crash may have cut off the last line. Then the new line begins after a line break.
        writeSync(descriptor, `${last[0] === 0x0a ? "" : "\n"}${line}\n`);
        if (statSync(this.#path, { bigint: true }).ino === inode) return;
      } finally {
        closeSync(descriptor);
      }
    }
    throw new Error("the file is replaced too often");
  }
}

/** The lines of a text. A line that is not UTF-8 becomes one that is not a revocation. */
function splitLines(bytes: Uint8Array): string[] {
  const lines: string[] = [];
  for (let start = 0; start <= bytes.length;) {
    const found = bytes.indexOf(0x0a, start);
    const end = found < 0 ? bytes.length : found;
    lines.push(fromUtf8(bytes.subarray(start, end)) ?? "?");
    start = end + 1;
  }
  return lines;
}
