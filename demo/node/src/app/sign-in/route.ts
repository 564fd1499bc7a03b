// Signs a user in, here and at the bank.

import { withSession } from "bulla/fetch";

import { signIn } from "../../customers.js";
import { home } from "../../home.js";
import { formOf } from "../../http.js";
import { sessions } from "../../sessions.js";

export const POST = withSession(sessions, async (request, session) => {
  const form = await formOf(request);
  const user = String(form.get("user"));
  if (!signIn(user, String(form.get("pin")))) {
    return new Response("Wrong user name or PIN.", { status: 401 });
  }
  session.end(); // copies of the session that this one replaces are revoked too
  session.start({ user, transfers: 0, notice: null });
  return home();
});
