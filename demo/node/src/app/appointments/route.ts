// Books an appointment. The next page of the bank shows it, because the session holds the notice.

import { withSession } from "bulla/fetch";

import { home } from "../../home.js";
import { formOf } from "../../http.js";
import { sessions } from "../../sessions.js";

const DAYS: readonly unknown[] = ["Monday", "Wednesday", "Friday"];

export const POST = withSession(sessions, async (request, session) => {
  session.require();
  const day = (await formOf(request)).get("day");
  if (!DAYS.includes(day)) return new Response("Choose another day.", { status: 422 });
  session.update((customer) => ({ ...customer, notice: `We will call you on ${day}.` }));
  return home();
});
