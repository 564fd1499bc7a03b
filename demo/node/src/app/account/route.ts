// What does the session hold?

import { withSession } from "bulla/fetch";

import { sessions } from "../../sessions.js";

export const GET = withSession(sessions, (_request, session) => {
  const customer = session.require();
  return Response.json({
    ...customer,
    session: { origin: session.info?.origin, key: session.info?.keyId },
  });
});
