// Serves the route handlers, which have the form of those of Next.js, over node:http.

import { createServer } from "node:http";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";

import { readSession } from "bulla/node";

import * as account from "./app/account/route.js";
import * as appointments from "./app/appointments/route.js";
import * as page from "./app/route.js";
import * as signIn from "./app/sign-in/route.js";
import * as signOutOthers from "./app/sign-out-others/route.js";
import * as signOut from "./app/sign-out/route.js";
import { Rejected, requestOf, send } from "./http.js";
import { sessions } from "./sessions.js";
import { settings } from "./settings.js";

type Handler = (request: Request) => Promise<Response>;

const ROUTES = new Map<string, Handler>([
  ["GET /", page.GET],
  ["GET /account", account.GET],
  ["POST /appointments", appointments.POST],
  ["POST /sign-in", signIn.POST],
  ["POST /sign-out", signOut.POST],
  ["POST /sign-out-others", signOutOthers.POST],
]);

async function respond(req: IncomingMessage): Promise<Response> {
  try {
    const request = await requestOf(req);
    const handler = ROUTES.get(`${request.method} ${new URL(request.url).pathname}`);
    return handler === undefined ? new Response("Not found.", { status: 404 }) : await handler(request);
  } catch (error) {
    if (error instanceof Rejected) return new Response(null, { status: error.status });
    console.error(error);
    return new Response("Internal server error.", { status: 500 });
  }
}

const server = createServer(async (req, res) => {
  // The access log only reads the session, and needs no `Request`.
  const user = readSession(sessions, req).data?.user ?? "guest";
  const response = await respond(req);
  console.error(`${req.method} ${req.url} ${response.status} ${user}`);
  await send(response, res);
});

server.listen(settings.port, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  console.log(`the appointments are listening at http://127.0.0.1:${port}`);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    server.close();
    server.closeIdleConnections();
  });
}
