// The page of the service.

import { withSession } from "bulla/fetch";

import type { Customer } from "../customer.js";
import { sessions } from "../sessions.js";

export const GET = withSession(sessions, (_request, session) => {
  const body = session.data === undefined ? guest() : page(session.data);
  return new Response(`<!doctype html><title>Appointments</title>${body}`, {
    headers: { "content-type": "text/html; charset=utf-8" },
  });
});

function guest(): string {
  return `<h1>Sign in</h1>
<form method="post" action="/sign-in">
  <input name="user" placeholder="user"> <input name="pin" type="password" placeholder="PIN">
  <button>Sign in</button>
</form>`;
}

function page({ user, transfers, notice }: Customer): string {
  return `<h1>Appointments of ${escaped(user)}</h1>
<p>Transfers in this session: ${transfers}</p>
<p>${escaped(notice ?? "")}</p>
<form method="post" action="/appointments">
  <select name="day"><option>Monday<option>Wednesday<option>Friday</select> <button>Book</button>
</form>
<form method="post" action="/sign-out"><button>Sign out</button></form>
<form method="post" action="/sign-out-others"><button>Sign out my other devices</button></form>`;
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
