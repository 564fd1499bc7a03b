// Servers on 127.0.0.1, which stop when the test ends.

import { createServer } from "node:http";
import type { RequestListener, Server } from "node:http";
import * as http2 from "node:http2";
import type { AddressInfo } from "node:net";

/** Runs a server while `run` talks to it at its address, such as `http://127.0.0.1:4711`. */
export async function serving(
  listener: RequestListener,
  run: (base: string) => Promise<void> | void,
): Promise<void> {
  const server = createServer(listener);
  const base = await listening(server);
  try {
    await run(base);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Sends a request over HTTP/2. */
export type Ask = (
  headers: http2.OutgoingHttpHeaders,
) => Promise<{ readonly headers: Headers; readonly cookies: string[]; readonly body: string }>;

type Headers = http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader;

/** As {@link serving}, over HTTP/2. */
export async function servingHttp2(
  listener: (req: http2.Http2ServerRequest, res: http2.Http2ServerResponse) => void,
  run: (ask: Ask, base: string) => Promise<void>,
): Promise<void> {
  const server = http2.createServer(listener);
  const base = await listening(server);
  const connection = http2.connect(base);
  const ask: Ask = (headers) =>
    new Promise((resolve, reject) => {
      const stream = connection.request(headers);
      let [received, body]: [Headers, string] = [{}, ""];
      stream.on("response", (headers) => (received = headers));
      stream.on("data", (chunk) => (body += chunk));
      stream.on("end", () =>
        resolve({ headers: received, cookies: received["set-cookie"] ?? [], body }),
      );
      stream.on("error", reject);
      stream.end();
    });
  try {
    await run(ask, base);
  } finally {
    connection.close();
    await new Promise((resolve) => server.close(resolve));
  }
}

async function listening(server: Server | http2.Http2Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
