// Where does a user come back to after a page that a guard redirected to?
//
// The redirect carries the path of the refused request in the parameter `next`. The page reads it
// with `localPath`.

/**
 * The maximum length of an encoded `next`, in characters. Proxies buffer 4 or 8 kB of response
 * headers, and longer paths are rare.
 */
const MAX_NEXT = 2048;

/** Visible ASCII characters, without `\`, `"`, `<`, `>` and the backtick. */
const PATH = /^\/[!#-;=?-[\]-_a-~]*$/;

/**
 * Returns `text` if it is a path on this site, with or without a query and a fragment, to which it
 * is safe to redirect, and otherwise `undefined`. Use it for the parameter `next` that
 * `session.require` adds to the sign-in page.
 *
 * Anyone can write a link to your sign-in page with any `next`. If the page redirected to it
 * without a check, an attacker could send your users to another site from a link that shows yours.
 *
 * The text must begin with one `/` and have only visible ASCII characters, without `\`, `"`, `<`,
 * `>` and the backtick. The path must not contain `//`. After one more percent-decoding, it must
 * contain no `//`, no `\` and no control character.
 *
 * @example
 * ```ts
 * localPath("/transfer?to=alan"); // "/transfer?to=alan"
 * localPath("//evil.example"); // undefined
 * ```
 */
export function localPath(text: string | null | undefined): string | undefined {
  if (typeof text !== "string" || !PATH.test(text)) return undefined;
  const path = text.split(/[?#]/)[0] ?? "";
  const decoded = path.replace(/%([0-9A-Fa-f]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  const isUnsafe = decoded.includes("//") || /[\x00-\x1f\x7f\\]/.test(decoded);
  return isUnsafe ? undefined : text;
}

/**
 * The path of the page that the user sees, from the value of the htmx header `HX-Current-URL`.
 * `undefined` if it is not a local path.
 */
export function pathOf(url: string): string | undefined {
  const authority = url.indexOf("://");
  const path = authority < 0 ? -1 : url.indexOf("/", authority + 3);
  return path < 0 ? undefined : localPath(url.slice(path));
}

/**
 * The address of `page` with the path to come back to in the parameter `next`.
 *
 * The address stays as it is if the page is on another site, which cannot use a path of this one,
 * or if it has a parameter `next` already.
 */
export function withNext(page: string, path: string): string {
  const [address, fragment] = splitOnce(page, "#");
  const query = splitOnce(address, "?")[1];
  const hasNext = query?.split("&").some((pair) => splitOnce(pair, "=")[0] === "next") ?? false;
  const next = encoded(path);
  if (localPath(page) === undefined || hasNext || next.length > MAX_NEXT) return page;
  const separator = query === undefined ? "?" : query === "" ? "" : "&";
  return `${address}${separator}next=${next}${fragment === undefined ? "" : `#${fragment}`}`;
}

function splitOnce(text: string, at: string): [string, string | undefined] {
  const index = text.indexOf(at);
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)];
}

/** The text as the value of a parameter. A `/` needs no encoding there (RFC 3986, section 3.4). */
function encoded(text: string): string {
  const percent = (character: string) =>
    `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
  return text.replace(/[^A-Za-z0-9._~/-]/g, percent);
}
