// What sessions and sealed cookies need of a request.

/** The values of a request header, looked up by its lower-case name. */
export type HeaderValues = (name: string) => readonly string[];

/** A request, as {@link Sessions.load} and {@link SealedCookie.load} need it. */
export interface RequestParts {
  /** The method, such as `GET`. */
  readonly method: string;
  /**
   * Returns the values of the header with the given lower-case name. An HTTP/2 request has no
   * header `host`: return its `:authority` for that name.
   */
  readonly values: HeaderValues;
  /**
   * The path and query of the request, such as `/transfer?to=alan`. A user can come back to it, and
   * the proof of a client must be for this path. Without it, every proof is refused.
   */
  readonly target?: string;
}
