// The header lines that a session adds to a response.

/**
 * How to combine a line with lines of the same name that the application has set:
 *
 * - `append`: add the line and keep the others.
 * - `replace`: replace the others.
 * - `if-absent`: add the line only if there are no others.
 */
export type Rule = "append" | "replace" | "if-absent";

/** One header line. */
export interface Line {
  /** The header's lower-case name. */
  readonly name: string;
  /** The value, in visible ASCII and spaces. */
  readonly value: string;
  /** How to combine the line with lines of the application. */
  readonly rule: Rule;
  /** Whether the value is a token, which must not be logged. */
  readonly sensitive: boolean;
}

const INSPECT = Symbol.for("nodejs.util.inspect.custom");

/**
 * The header lines that a session adds to a response: the tokens, and lines that keep caches from
 * sending them to other users.
 *
 * An adapter adds each line by its {@link Rule}. `console.log` and `JSON.stringify` show the names
 * of the headers, and not the tokens.
 *
 * @example
 * ```ts
 * for (const line of session.commit()) {
 *   if (line.rule === "if-absent" && headers.has(line.name)) continue;
 *   if (line.rule === "append") headers.append(line.name, line.value);
 *   else headers.set(line.name, line.value);
 * }
 * ```
 */
export class Bundle implements Iterable<Line> {
  readonly #lines: Line[] = [];

  /** Whether the response needs no header lines. */
  get isEmpty(): boolean {
    return this.#lines.length === 0;
  }

  [Symbol.iterator](): Iterator<Line> {
    return this.#lines[Symbol.iterator]();
  }

  /** The names of the headers. The values are left out, because they may be tokens. */
  toJSON(): string[] {
    return this.#lines.map((line) => line.name);
  }

  /** The names of the headers. */
  toString(): string {
    return `Bundle(${this.toJSON().join(", ")})`;
  }

  [INSPECT](): string {
    return this.toString();
  }

  /** @internal */
  setCookies(values: readonly string[]): void {
    for (const value of values) {
      this.#lines.push({ name: "set-cookie", value, rule: "append", sensitive: true });
    }
  }

  /** @internal */
  token(name: string, value: string): void {
    this.#lines.push({ name, value, rule: "replace", sensitive: true });
  }

  /**
   * Adds a line beside those of the application.
   *
   * @internal
   */
  field(name: string, value: string): void {
    this.#lines.push({ name, value, rule: "append", sensitive: false });
  }

  /**
   * Adds a line in place of those of the application.
   *
   * @internal
   */
  replace(name: string, value: string): void {
    this.#lines.push({ name, value, rule: "replace", sensitive: false });
  }

  /** @internal */
  noStore(): void {
    this.#lines.push({
      name: "cache-control",
      value: "no-store",
      rule: "if-absent",
      sensitive: false,
    });
  }

  /**
   * Adds to `Vary`, whose lines combine (RFC 9110 section 5.3).
   *
   * @internal
   */
  vary(on: string): void {
    this.#lines.push({ name: "vary", value: on, rule: "append", sensitive: false });
  }
}
