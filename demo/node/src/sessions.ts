// Which sessions does this service share with the bank?

import { readFile } from "node:fs/promises";

import { Bearer, Cookie, Policy, RingHandle, Sessions } from "bulla";
import { followRevocations } from "bulla/node";

import { customerPayload } from "./customer.js";
import type { Customer } from "./customer.js";
import { settings } from "./settings.js";

/** The upgrade is the same as `From<CustomerV1> for Customer` in demo/bank/src/release.rs. */
const payload = customerPayload({
  fromV1: (old): Customer => ({ user: old.user, transfers: 0, notice: null }),
});

const ring = await RingHandle.watch(
  { name: `the key ring ${settings.ring}`, read: () => readFile(settings.ring) },
  { every: settings.reload, log: (_level, line) => console.error(line) },
);

const { revocations } = followRevocations(settings.revoked);

const { address, proofLifetime } = settings;

/**
 * The purpose, the cookie, the headers, the timeouts, the bound sessions and the subject are those of
 * the bank.
 */
export const sessions = new Sessions({
  ring,
  payload,
  policy: new Policy({ idleTimeout: settings.idle }),
  cookie: new Cookie(),
  bearer: new Bearer(),
  dpop: { address, proofLifetime },
  deviceBound: { proofLifetime },
  revocations,
  subject: (customer) => customer.user,
});
