// Written by bulla-schema. Do not edit: print the schema in Rust and run bulla-schema again.

import { payload, postcard, type Payload } from "bulla/payload";

export interface Customer {
  readonly user: string;
  readonly transfers: number;
  readonly notice: string | null;
}

export interface CustomerV1 {
  readonly user: string;
}

const schema = {
  format: "bulla-schema/1",
  purpose: "bank.example/session",
  versions: [
    {"version":2,"encoding":"postcard","type":{"ref":"Customer"}},
    {"version":1,"encoding":"postcard","type":{"ref":"CustomerV1"}},
  ],
  types: {
    "Customer": {"struct":[{"name":"user","type":"string"},{"name":"transfers","type":"u32"},{"name":"notice","type":{"option":"string"}}]},
    "CustomerV1": {"struct":[{"name":"user","type":"string"}]},
  },
};

/** How values of earlier schema versions become values of the next one. */
export interface Upgrades {
  /** Makes schema version 2 of version 1. */
  readonly fromV1: (old: CustomerV1) => Customer;
}

/** The payload, for Sealer, Signer and Sessions. */
export function customerPayload(upgrades: Upgrades): Payload<Customer> {
  const v1 = payload({
    purpose: schema.purpose,
    schemaVersion: 1,
    encoding: postcard<CustomerV1>(schema, { version: 1 }),
  });
  const v2 = payload({
    purpose: schema.purpose,
    schemaVersion: 2,
    encoding: postcard<Customer>(schema, { version: 2 }),
    previous: v1,
    upgrade: upgrades.fromV1,
  });
  return v2;
}
