// Makes and opens tokens for the table of bulla-cross.

import { KeyRing, OpenError, Sealer, Signer, json, payload } from "../../src/index.js";

/** The state of sessions, and the value in tokens. */
export interface Account {
  id: number;
  name: string;
}

const AccountV1 = payload({ purpose: "cross.example/account", encoding: json<{ id: number }>() });

export const Account = payload<Account, { id: number }>({
  purpose: "cross.example/account",
  schemaVersion: 2,
  encoding: json<Account>(),
  previous: AccountV1,
  upgrade: ({ id }) => ({ id, name: "" }),
});

interface Making {
  readonly mode: "sealed" | "signed";
  readonly ring: string;
  readonly now: number;
  readonly lifetime: number;
  readonly bucket: number;
  readonly schema: number;
  readonly state: Account;
}

export function make(making: Making): unknown {
  const { mode, now, lifetime, bucket, schema, state } = making;
  const options = { ring: KeyRing.parse(making.ring), lifetime };
  if (schema === 1) {
    const typed = { ...options, payload: AccountV1 };
    const token =
      mode === "sealed"
        ? new Sealer({ ...typed, bucket }).seal(state, { now })
        : new Signer(typed).sign(state, { now });
    return { token };
  }
  const typed = { ...options, payload: Account };
  const token =
    mode === "sealed"
      ? new Sealer({ ...typed, bucket }).seal(state, { now })
      : new Signer(typed).sign(state, { now });
  return { token };
}

interface Opening {
  readonly mode: "sealed" | "signed";
  readonly ring: string;
  readonly now: number;
  readonly longest: number;
  readonly token: string;
}

export function open({ mode, ring, now, longest, token }: Opening): unknown {
  const options = { ring: KeyRing.parse(ring), payload: Account, lifetime: longest };
  try {
    const opened =
      mode === "sealed"
        ? new Sealer(options).open(token, { now })
        : new Signer(options).verify(token, { now });
    return {
      outcome: "ok",
      state: opened.payload,
      issued_at: opened.issuedAt,
      expires_at: opened.expiresAt,
      key_id: opened.keyId,
    };
  } catch (error) {
    if (error instanceof OpenError) return { outcome: error.code };
    throw error;
  }
}
