// Addresses of requests, normalized so that they can be compared (RFC 9449 section 4.3).

import { lowerAscii } from "../transport/ascii.js";

/**
 * An `http` or `https` address without its query and fragment. The case of the scheme and the host,
 * the port, and the percent-encoding are normalized (RFC 3986 sections 6.2.2 and 6.2.3).
 *
 * Segments of dots in a path (`/a/../b`) are kept. HTTP clients remove them before they send a
 * request, so a proof that contains them does not match any request.
 */
export interface Address {
  readonly scheme: "http" | "https";
  readonly host: string;
  readonly port: number;
  /** The path without its first slash, because an empty path is the same as `/`. */
  readonly path: string;
}

const PORTS = { http: 80, https: 443 } as const;

/** The scheme, the host with its port, and the path, before the first `?` or `#`. */
const PARTS = /^(https?):\/\/([^/?#]*)(?:\/([^?#]*))?/i;

/** The host, and the port if there is one. The colons of an IPv6 address are in brackets. */
const AUTHORITY = /^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(\d*))?$/;

/** Visible ASCII, without a backslash. A percent sign begins an escape. */
const PATH = /^(?:[\x21-\x24\x26-\x5b\x5d-\x7e]|%[0-9A-Fa-f]{2})*$/;

/**
 * Parses and normalizes an address. `undefined` if the text is not an `http` or `https` address, or
 * if it contains a user name or a character that an address must escape.
 */
export function addressOf(text: string): Address | undefined {
  const [, scheme, authority = "", path = ""] = PARTS.exec(text) ?? [];
  const [, host, digits = ""] = AUTHORITY.exec(authority) ?? [];
  if (scheme === undefined || host === undefined || !PATH.test(path)) return undefined;
  const known = lowerAscii(scheme) === "http" ? "http" : "https";
  const port = digits === "" ? PORTS[known] : Number(digits);
  if (port > 0xffff) return undefined;
  return { scheme: known, host: lowerAscii(host), port, path: normal(path) };
}

export function isSameAddress(one: Address, other: Address): boolean {
  return (
    one.scheme === other.scheme &&
    one.host === other.host &&
    one.port === other.port &&
    one.path === other.path
  );
}

/** Decodes escapes that are not needed, and writes the others in upper case. */
function normal(path: string): string {
  return path.replace(/%([0-9A-Fa-f]{2})/g, (escape, digits: string) => {
    const character = String.fromCharCode(Number.parseInt(digits, 16));
    return /[A-Za-z0-9._~-]/.test(character) ? character : escape.toUpperCase();
  });
}
