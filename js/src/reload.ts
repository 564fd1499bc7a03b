// Key rings that are replaced while they are in use, and reloaded by a callback.

import { equalBytes, utf8 } from "./bytes.js";
import { BullaError, ReloadError, RingError } from "./errors.js";
import { sha256 } from "./primitives.js";
import { KeyRing, type Ring } from "./ring.js";
import { secondOf, unixNow } from "./time.js";
import type { At } from "./values.js";

/**
 * How many milliseconds a new text must stay the same before it is used. A shorter wait could take
 * a file that is still being written for a complete ring.
 */
const SETTLE = 200;

/** The shortest and the longest interval of checks, in seconds. */
const MIN_INTERVAL = 0.01;
const MAX_INTERVAL = 24 * 60 * 60;

/** A place that stores the text of a key ring, such as a file, Redis or a vault. */
export interface RingSource {
  /** The name of the source in log lines, such as a path. */
  readonly name: string;
  /**
   * Reads the current text, with a timeout of its own.
   *
   * If it throws, the server continues with the ring that it has. The text of the error goes to the
   * log, so it must not contain a secret.
   */
  read(): string | Uint8Array | Promise<string | Uint8Array>;
}

/** The state of a ring's source, for a health check. Times are in seconds since 1970. */
export interface RingHealth {
  /** When the source was last checked. */
  readonly checkedAt?: number;
  /** When the ring in use was loaded. */
  readonly replacedAt?: number;
  /** The error of the source. Absent if the ring of the source is in use. */
  readonly failing?: { readonly since: number; readonly error: string };
}

/** The options of {@link RingHandle.watch} and {@link Reloader.load}. */
export interface ReloadOptions {
  /** Called for each line of the log. Lines contain key ids, but no secret. Default: no log. */
  readonly log?: (level: "info" | "error", line: string) => void;
}

/** The options of {@link RingHandle.watch}. */
export interface WatchOptions extends ReloadOptions {
  /** The seconds between two checks of the source, 0.01 to 86400. Default: 60. */
  readonly every?: number;
}

/** Sets the health of a handle. The class sets this function, because the field is private. */
let setHealth: (handle: RingHandle, health: RingHealth) => void;

/**
 * A shared key ring that can be replaced while it is in use.
 *
 * Sealers, signers and sessions made with a handle use the new ring as soon as it is replaced. What
 * is made with a `KeyRing` uses this ring forever.
 *
 * ```ts
 * import { readFile } from "node:fs/promises";
 *
 * const ring = await RingHandle.watch({
 *   name: "the key ring /etc/bank/ring",
 *   read: () => readFile("/etc/bank/ring"),
 * });
 * const links = new Sealer({ ring, payload: Reset, lifetime: 15 * 60 });
 * ```
 */
export class RingHandle implements Ring {
  #ring: KeyRing;
  #health: RingHealth = {};
  #watch: Watch | undefined;

  constructor(ring: KeyRing) {
    this.#ring = ring;
  }

  /**
   * Loads a ring from `source` and checks the source for changes, by default every 60 seconds. If a
   * token with an unknown key arrives, one extra check is made before the next regular one.
   *
   * A new ring is rejected if it cannot be read or parsed, if it has no primary key at this time,
   * or if the ring in use has a serial number and the new ring has a lower one or none. The ring in
   * use then stays, the error is logged once, and {@link health} reports it.
   *
   * The checks end with {@link close}, and after the handle is no longer referred to. In Node and
   * Bun, they do not keep the process alive. Where timers do not run between requests, use a
   * {@link Reloader}.
   *
   * @throws {@link ReloadError} if the source has no valid ring now.
   */
  static async watch(source: RingSource, options: WatchOptions = {}): Promise<RingHandle> {
    const { ring, reloader } = await Reloader.load(source, options);
    const every = options.every ?? 60;
    ring.#watch = new Watch(reloader, Math.min(Math.max(every, MIN_INTERVAL), MAX_INTERVAL));
    return ring;
  }

  /** The ring in use. */
  get ring(): KeyRing {
    return this.#ring;
  }

  /** The state of the ring's source. Empty for a ring that has none. */
  get health(): RingHealth {
    return this.#health;
  }

  /** Replaces the ring. From now on, everything that was made with the handle uses the new ring. */
  replace(ring: KeyRing): void {
    this.#ring = ring;
  }

  /** Checks the source at once. Call it when something reports that the source has changed. */
  async hint(): Promise<void> {
    await this.#watch?.check();
  }

  /** Ends the checks of the source. The ring stays in use. */
  close(): void {
    this.#watch?.close();
  }

  /** @internal Called when a token names a key that the ring does not have. */
  missed(): void {
    this.#watch?.missed();
  }

  /** @internal */
  static {
    setHealth = (handle, health) => {
      handle.#health = health;
    };
  }
}

/**
 * The result of {@link Reloader.check}:
 *
 * - `unchanged`: the source has the ring that is in use.
 * - `unsettled`: the source has a new text. It is used if the next check finds the same text.
 * - `replaced`: the ring was replaced.
 * - `refused`: the source has no valid ring. The ring in use stays.
 * - `abandoned`: nothing refers to the handle any more.
 */
export type Reload = "unchanged" | "unsettled" | "replaced" | "refused" | "abandoned";

/**
 * Updates a {@link RingHandle} from a {@link RingSource}.
 *
 * Most applications call {@link RingHandle.watch}, which has a timer. Use a reloader directly where
 * timers do not run, and call {@link check} for example before a request is answered.
 */
export class Reloader {
  readonly #source: RingSource;
  readonly #log: (level: "info" | "error", line: string) => void;
  readonly #handle: WeakRef<RingHandle>;
  /** The digest of the text of the ring in use. */
  #accepted: Seen;
  /** The last text that was rejected. Its error has been logged. */
  #refused: Seen | undefined;
  /** The text of the last read, if it is not in use. */
  #candidate: Seen | undefined;
  #checking: Promise<Reload> | undefined;

  private constructor(
    source: RingSource,
    handle: RingHandle,
    accepted: Seen,
    options: ReloadOptions,
  ) {
    this.#source = source;
    this.#log = (level, line) => {
      try {
        options.log?.(level, line);
      } catch {
        // A log that fails must not end the checks.
      }
    };
    this.#handle = new WeakRef(handle);
    this.#accepted = accepted;
  }

  /**
   * Loads the first ring from `source`.
   *
   * @throws {@link ReloadError} if the source has no valid ring.
   */
  static async load(
    source: RingSource,
    options: ReloadOptions & At = {},
  ): Promise<{ readonly ring: RingHandle; readonly reloader: Reloader }> {
    const now = secondOf(options.now ?? unixNow());
    const read = await readSource(source);
    if (read instanceof ReloadError) throw named(source, read);
    const fitting = fit(read, now);
    if (fitting instanceof ReloadError) throw named(source, fitting);
    const ring = new RingHandle(fitting);
    setHealth(ring, { checkedAt: now, replacedAt: now });
    const reloader = new Reloader(source, ring, digestOf(read), options);
    reloader.#log("info", `${source.name}: ${said(fitting, now)}`);
    return { ring, reloader };
  }

  /**
   * Reads the source once. A new text is used when two checks in a row find it, because the first
   * may find a file that is still being written. Never throws.
   */
  check(at: At = {}): Promise<Reload> {
    // A check that overlaps another would take the same text for the text of two checks.
    this.#checking ??= this.#check(secondOf(at.now ?? unixNow())).finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  async #check(now: number): Promise<Reload> {
    if (this.#handle.deref() === undefined) return "abandoned";
    const read = await readSource(this.#source);
    const handle = this.#handle.deref();
    if (handle === undefined) return "abandoned";
    setHealth(handle, { ...handle.health, checkedAt: now });
    // All errors count as the same result, because their texts may contain a time.
    const seen = read instanceof ReloadError ? UNREADABLE : digestOf(read);
    if (equalBytes(seen, this.#accepted)) {
      this.#settle(handle, seen);
      return "unchanged";
    }
    const before = this.#candidate;
    this.#candidate = seen;
    if (before === undefined || !equalBytes(before, seen)) return "unsettled";
    const ring = read instanceof ReloadError ? read : fitAfter(read, now, handle.ring);
    if (ring instanceof ReloadError) {
      this.#refuse(handle, seen, ring, now);
      return "refused";
    }
    handle.replace(ring);
    setHealth(handle, { ...handle.health, replacedAt: now });
    this.#settle(handle, seen);
    this.#log("info", `${this.#source.name} has changed: ${said(ring, now)}`);
    return "replaced";
  }

  /** Records that the source has a valid ring whose digest is `seen`. */
  #settle(handle: RingHandle, seen: Seen): void {
    if (this.#refused !== undefined) this.#log("info", `${this.#source.name} is usable again`);
    this.#refused = undefined;
    this.#accepted = seen;
    this.#candidate = undefined;
    const { failing: _, ...health } = handle.health;
    setHealth(handle, health);
  }

  #refuse(handle: RingHandle, seen: Seen, reason: ReloadError, now: number): void {
    if (this.#refused !== undefined && equalBytes(this.#refused, seen)) return; // already logged
    this.#refused = seen;
    const error = named(this.#source, reason).message;
    this.#log("error", `${error}; the previous ring stays in use`);
    const since = handle.health.failing?.since ?? now;
    setHealth(handle, { ...handle.health, failing: { since, error } });
  }
}

/** The timer of {@link RingHandle.watch}. */
class Watch {
  readonly #reloader: Reloader;
  readonly #millis: number;
  #timer: unknown;
  #closed = false;
  /** Whether an unknown key has caused a check since the last regular one. */
  #early = false;

  constructor(reloader: Reloader, every: number) {
    this.#reloader = reloader;
    this.#millis = every * 1000;
    this.#schedule();
  }

  /** Checks the source, and again after a while if it has a new text. */
  async check(): Promise<void> {
    const found = await this.#reloader.check();
    if (found === "abandoned") this.close();
    if (found !== "unsettled" || this.#closed) return;
    await new Promise((resolve) => setTimeout(resolve, SETTLE));
    await this.#reloader.check();
  }

  missed(): void {
    if (this.#early || this.#closed) return;
    this.#early = true;
    void this.check();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer as number);
  }

  #schedule(): void {
    this.#timer = detached(setTimeout(() => void this.#regular(), this.#millis));
  }

  async #regular(): Promise<void> {
    this.#early = false;
    await this.check();
    if (!this.#closed) this.#schedule();
  }
}

/** Makes a timer that does not keep the process alive, where the platform has such timers. */
function detached(timer: unknown): unknown {
  (timer as { unref?: () => void }).unref?.();
  return timer;
}

/** The digest of a text, or {@link UNREADABLE}. */
type Seen = Uint8Array;

const UNREADABLE: Seen = /* @__PURE__ */ new Uint8Array(32);

function digestOf(text: Uint8Array): Seen {
  return sha256(text);
}

async function readSource(source: RingSource): Promise<Uint8Array | ReloadError> {
  try {
    const text = await source.read();
    if (typeof text === "string") return utf8(text);
    if (text instanceof Uint8Array) return text;
    return new ReloadError("source", "the source has returned neither a string nor bytes");
  } catch (error) {
    return new ReloadError("source", error instanceof Error ? error.message : "cannot be read");
  }
}

function fit(text: Uint8Array, now: number): KeyRing | ReloadError {
  try {
    const ring = KeyRing.parse(text);
    if (ring.primaryAt(now) !== undefined) return ring;
    return new ReloadError(
      "no-primary-key",
      "the ring has no primary key now; one key needs a primary-from that has passed",
    );
  } catch (error) {
    if (error instanceof RingError) return new ReloadError("ring", error.message);
    throw error;
  }
}

/** Like `fit`, and refuses a ring that is older than the ring in use. */
function fitAfter(text: Uint8Array, now: number, inUse: KeyRing): KeyRing | ReloadError {
  const ring = fit(text, now);
  if (ring instanceof BullaError || inUse.serial === undefined) return ring;
  if (ring.serial !== undefined && ring.serial >= inUse.serial) return ring;
  const found = ring.serial === undefined ? "no serial number" : `the serial number ${ring.serial}`;
  return new ReloadError(
    "backwards",
    `the ring has ${found}, but the ring in use has ${inUse.serial}; to use this ring, give it a ` +
      "higher number",
  );
}

function named(source: RingSource, error: ReloadError): ReloadError {
  return new ReloadError(error.code, `${source.name}: ${error.message}`);
}

/** Describes a ring for the log, with key ids only. */
function said(ring: KeyRing, now: number): string {
  const ids = ring.entries.map((entry) => entry.keyId).join(" ");
  return `keys ${ids}; ${ring.primaryAt(now) ?? "none"} is primary`;
}
