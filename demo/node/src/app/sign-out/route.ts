// Signs a user out, here and at the bank.

import { withSession } from "bulla/fetch";

import { home } from "../../home.js";
import { sessions } from "../../sessions.js";

export const POST = withSession(sessions, (_request, session) => {
  session.end();
  return home();
});
