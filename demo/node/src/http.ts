// How does a request of node:http become a `Request`, and a `Response` its response? In Next.js and
// other frameworks, the framework does this.

import type { IncomingMessage, ServerResponse } from "node:http";

/** The longest body of a request, in bytes. */
const LONGEST = 16 * 1024;

const METHODS: readonly string[] = ["GET", "HEAD", "POST"];

/** A request that no handler can answer. */
export class Rejected extends Error {
  constructor(readonly status: number) {
    super(`rejected with ${status}`);
  }
}

export async function requestOf(req: IncomingMessage): Promise<Request> {
  const { method = "GET" } = req;
  if (!METHODS.includes(method)) throw new Rejected(405);
  const headers = new Headers();
  for (const [name, values] of Object.entries(req.headersDistinct)) {
    // Several lines with cookies are one list. All other headers are joined by `append`.
    const joined = name === "cookie" ? [(values ?? []).join("; ")] : (values ?? []);
    for (const value of joined) headers.append(name, value);
  }
  const address = `http://${req.headers.host ?? ""}${req.url ?? "/"}`;
  if (!URL.canParse(address)) throw new Rejected(400);
  const body = method === "POST" ? { body: await bodyOf(req) } : {};
  return new Request(address, { method, headers, ...body });
}

async function bodyOf(req: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of req as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > LONGEST) throw new Rejected(413);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** The form in the body of a request. */
export async function formOf(request: Request): Promise<FormData> {
  return request.formData().catch(() => {
    throw new Rejected(400);
  });
}

export async function send(response: Response, res: ServerResponse): Promise<void> {
  res.statusCode = response.status;
  for (const [name, value] of response.headers) {
    if (name !== "set-cookie") res.setHeader(name, value);
  }
  const cookies = response.headers.getSetCookie();
  if (cookies.length > 0) res.setHeader("set-cookie", cookies);
  res.end(Buffer.from(await response.arrayBuffer()));
}
