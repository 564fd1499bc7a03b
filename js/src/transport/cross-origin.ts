// Requests from pages on other origins. A session or a sealed cookie in such a request counts as
// absent.
//
// A browser sends a user's cookies even if a page on another origin makes the request, so a page
// of an attacker could act for the user (cross-site request forgery). `SameSite=Lax` prevents this
// for pages from other sites. It does not prevent it for other hosts of the same site, and it has
// no effect in browsers that do not know it. The rules here are those of Go's
// `http.CrossOriginProtection`, and they also cover WebSockets.

import { BullaError } from "../errors.js";
import { lowerAscii } from "./ascii.js";
import type { HeaderValues } from "./request.js";

/**
 * Where a request comes from. `trusted`: a page of this origin or of a trusted origin, the user,
 * or a program that is not a browser. Requests that should change nothing also count as trusted.
 */
export type Sender = "trusted" | "cross-origin";

/** Decides where a request comes from. */
export function senderOf(method: string, values: HeaderValues, trusted: readonly string[]): Sender {
  if (isSafe(method, values) || isSameOrigin(values) || isTrusted(values, trusted)) {
    return "trusted";
  }
  return "cross-origin";
}

function isSafe(method: string, values: HeaderValues): boolean {
  // A GET may open a WebSocket, on which a page can send anything. No browser sends `Upgrade` for
  // another reason, so its value does not matter.
  if (method === "GET") return values("upgrade").length === 0;
  return method === "HEAD" || method === "OPTIONS";
}

function isSameOrigin(values: HeaderValues): boolean {
  const sites = values("sec-fetch-site");
  if (sites.length > 0) {
    // `none` means that the user made the request, for example by a reload. `same-site` means that
    // the page is on another host of the same site.
    return sites.every((site) => site === "same-origin" || site === "none");
  }
  // The header is absent in browsers before 2023, over plain HTTP, and when Chrome opens a
  // WebSocket.
  const origins = values("origin");
  if (origins.length === 0) return true; // not a browser
  const host = values("host")[0];
  return host !== undefined && origins.every((origin) => hasHost(origin, host));
}

function isTrusted(values: HeaderValues, trusted: readonly string[]): boolean {
  if (trusted.length === 0) return false;
  const origins = values("origin");
  return origins.length > 0 && origins.every((origin) => trusted.includes(origin));
}

/**
 * Whether an origin has this host and port. `host` is the value of a `Host` header. A server
 * behind a proxy does not know its own scheme, so `http` and `https` count as the same.
 *
 * @internal
 */
export function hasHost(origin: string, host: string): boolean {
  const end = origin.indexOf("://");
  const port = end < 0 ? undefined : defaultPort(origin.slice(0, end));
  // Browsers write both headers in ASCII.
  if (port === undefined || !isAscii(origin) || !isAscii(host)) return false;
  const authority = origin.slice(end + 3);
  // Browsers omit the default port in both headers, but some proxies add it to `Host`.
  const shorter = host.endsWith(port) ? host.slice(0, -port.length) : host;
  return authority !== "" && lowerAscii(authority) === lowerAscii(shorter);
}

function isAscii(text: string): boolean {
  return /^[\x00-\x7f]*$/.test(text);
}

/** The port that browsers omit in an origin. */
function defaultPort(scheme: string): ":443" | ":80" | undefined {
  if (scheme === "https") return ":443";
  return scheme === "http" ? ":80" : undefined;
}

/**
 * Checks that an origin is written as browsers write it, because it is compared as text.
 *
 * @internal
 */
export function checkedOrigin(origin: string): string {
  const parts =
    /^([a-z][a-z0-9+.-]*):\/\/(\[[0-9a-f:.]+\]|[a-z0-9._-]{1,253})(?::(\d{1,5}))?$/.exec(origin);
  if (parts === null) throw new OriginError();
  const [, scheme = "", host = "", port] = parts;
  const fits =
    (!host.startsWith("[") || isIpv6(host)) &&
    (port === undefined ||
      (String(Number(port)) === port &&
        Number(port) <= 65535 &&
        defaultPort(scheme) !== `:${port}`));
  if (!fits) throw new OriginError();
  return origin;
}

function isIpv6(host: string): boolean {
  return URL.canParse(`http://${host}/`);
}

/**
 * The error for a text that is not an origin as browsers write it. Such a text would never equal
 * the origin of a request.
 */
export class OriginError extends BullaError {
  override readonly code = "origin";

  /** @internal */
  constructor() {
    super(
      "an origin must be scheme://host or scheme://host:port as browsers write it: in lower-case " +
        "ASCII, without a path, and without the default port of http and https",
    );
  }
}
