// Which settings does the environment give? Those of sessions must be the bank's.

import process from "node:process";

export const settings = {
  /** The file with the key ring. */
  ring: needed("BANK_RING"),
  /** The file with the revocations. */
  revoked: needed("BANK_REVOKED"),
  /** How often to check the key ring for changes, in seconds. */
  reload: number("BANK_RELOAD", 5),
  /** The idle timeout of a session, in seconds. */
  idle: number("BANK_IDLE", 30 * 60),
  /** How long a proof of a client's key counts, in seconds. */
  proofLifetime: number("BANK_PROOF_LIFETIME", 10 * 60),
  /** The address under which clients reach this service, which is in their proofs. */
  address: process.env["ADDRESS"] ?? "http://localhost:3001",
  /** The port on 127.0.0.1. 0 selects a free port. */
  port: number("PORT", 3001),
};

function needed(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === "") throw new Error(`set ${name}`);
  return value;
}

function number(name: string, fallback: number): number {
  const value = process.env[name];
  if (value === undefined) return fallback;
  if (!/^[0-9]+(\.[0-9]+)?$/.test(value)) throw new Error(`${name} must be a number`);
  return Number(value);
}
