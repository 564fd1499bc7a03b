// Times: whole seconds since 1970-01-01T00:00:00Z without leap seconds, as numbers.

/** 9999-12-31T23:59:59Z, the last second that a token can contain. */
export const LAST_SECOND = 253_402_300_799;

/** The time of the system clock, in whole seconds since 1970. */
export function unixNow(): number {
  return Math.floor(Date.now() / 1000);
}

/** How many seconds in the future a token may have been issued, because clocks differ. */
export const CLOCK_SKEW = 60;

/** The time `seconds` after `time`, at most the last second. */
export function plus(time: number, seconds: number): number {
  return Math.min(time + seconds, LAST_SECOND);
}

/** The seconds from `earlier` to `time`, or 0 if `earlier` is later. */
export function since(time: number, earlier: number): number {
  return Math.max(time - earlier, 0);
}

/**
 * The whole second of `now`, within 1970 to 9999.
 *
 * @throws TypeError if `now` is not a number.
 */
export function secondOf(now: number): number {
  if (typeof now !== "number" || Number.isNaN(now)) {
    throw new TypeError("a time is a number of seconds since 1970");
  }
  return Math.min(Math.max(Math.floor(now), 0), LAST_SECOND);
}

/**
 * The whole seconds of a duration. `Infinity` means that there is no limit.
 *
 * @throws TypeError if `seconds` is negative or not a number.
 */
export function wholeSeconds(seconds: number): number {
  if (typeof seconds !== "number" || !(seconds >= 0)) {
    throw new TypeError("a duration is a number of seconds and not negative");
  }
  return Math.floor(seconds);
}

/** A time in the form of key rings: RFC 3339 in UTC with whole seconds. */
export function formatInstant(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}

const INSTANT = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})Z$/;

/** Reads a time in the form `2026-12-01T00:00:00Z`, 1970 to 9999. `undefined` if it is another. */
export function parseInstant(text: string): number | undefined {
  const fields = INSTANT.exec(text);
  if (fields === null || Number(fields[1]) < 1970) return undefined;
  const millis = Date.parse(text);
  // Date.parse accepts 24:00:00, and some engines accept February 30. The text that it stands for
  // is then another.
  if (Number.isNaN(millis) || formatInstant(millis / 1000) !== text) return undefined;
  return millis / 1000;
}
