// Signs out all other devices of a user, here and at the bank.

import { withSession } from "bulla/fetch";

import { home } from "../../home.js";
import { sessions } from "../../sessions.js";

export const POST = withSession(sessions, (_request, session) => {
  session.endOthers();
  return home();
});
