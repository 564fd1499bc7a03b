// Does a request come from a navigation of a browser, from a script, or from htmx?
//
// Only a navigation can be redirected to a page for the user. `fetch` and `XMLHttpRequest` follow a
// redirect by themselves. A script would therefore get the sign-in page instead of its data, with
// status 200.

import { lowerAscii, trimAscii } from "../transport/ascii.js";
import type { HeaderValues } from "../transport/request.js";

/**
 * `navigation`: the browser shows the response as a page. `htmx`: it opens the page that the
 * response header `HX-Redirect` names, with any status. `script`: a script, or any other client.
 */
export type Asker = "navigation" | "htmx" | "script";

/**
 * Browsers set `Sec-Fetch-Mode` themselves, and scripts cannot change it. Safari before 16.4 does
 * not send it, and no browser sends it over plain HTTP. Without it, other headers decide. A browser
 * that navigates accepts `text/html`, but `fetch` and `XMLHttpRequest` accept every type. Common
 * script libraries set `X-Requested-With` or `HX-Request`.
 */
export function askerOf(values: HeaderValues): Asker {
  const htmx = values("hx-request")[0];
  if (htmx !== undefined && lowerAscii(htmx) === "true") return "htmx";
  const mode = values("sec-fetch-mode")[0];
  if (mode !== undefined) return mode === "navigate" ? "navigation" : "script";
  const isScript = htmx !== undefined || values("x-requested-with").length > 0;
  return !isScript && values("accept").some(namesHtml) ? "navigation" : "script";
}

/** Whether the browser opens a page because of a link on another site. */
export function followsLinkElsewhere(method: string, values: HeaderValues): boolean {
  const site = values("sec-fetch-site")[0];
  const navigates = method === "GET" && values("sec-fetch-mode")[0] === "navigate";
  return navigates && (site === "cross-site" || site === "same-site");
}

/** Whether a line of `Accept` names `text/html` itself, and not only a range of types. */
function namesHtml(accept: string): boolean {
  const mediaType = (range: string) => lowerAscii(trimAscii(range.split(";")[0] ?? ""));
  return accept.split(",").some((range) => mediaType(range) === "text/html");
}
