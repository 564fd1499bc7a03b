// The speed of bulla beside iron-session and jose, in one run.
//
//   npm run build            in js/
//   npm ci && npm run bench  in js/bench/
//
// Each library seals (encrypts) or signs the same state and reads it back. The rounds of the
// libraries are short and alternate, so that a busy machine slows all of them, and the best round of
// each counts. A ratio above 1 says how many times as long the other library takes as bulla.

import { randomBytes } from "node:crypto";

import { sealData, unsealData } from "iron-session";
import { EncryptJWT, SignJWT, jwtDecrypt, jwtVerify } from "jose";

import { KeyRing, Sealer, Signer, json, payload } from "../dist/index.js";

const ROUNDS = Number(process.env.ROUNDS ?? 150);
const MILLIS = Number(process.env.MILLIS ?? 6);

const STATES = {
  "100 bytes": {
    id: 4711,
    name: "Ada Lovelace",
    roles: ["user", "admin"],
    theme: "dark",
    at: 1796126400,
  },
  "2 kB": {
    id: 4711,
    items: Array.from({ length: 40 }, (_, n) => ({ sku: `A-${1000 + n}`, count: n, price: 1999 })),
  },
};

const secret = randomBytes(32);
const password = secret.toString("base64url");
const State = payload({ purpose: "bench.example/session", encoding: json() });
const options = { ring: KeyRing.generate(), payload: State, lifetime: 3600 };
const sealer = new Sealer({ ...options, bucket: 32 });
const signer = new Signer(options);

/** Each task is a library and what it does with a state. */
const TASKS = {
  seal: {
    bulla: (state) => sealer.seal(state),
    "iron-session": (state) => sealData(state, { password, ttl: 3600 }),
    "jose, A256GCM": (state) =>
      new EncryptJWT({ state })
        .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
        .setIssuedAt()
        .setExpirationTime("1h")
        .encrypt(secret),
  },
  open: {
    bulla: (token) => sealer.open(token).payload,
    "iron-session": (token) => unsealData(token, { password, ttl: 3600 }),
    "jose, A256GCM": async (token) => (await jwtDecrypt(token, secret)).payload.state,
  },
  sign: {
    bulla: (state) => signer.sign(state),
    "jose, HS256": (state) =>
      new SignJWT({ state })
        .setProtectedHeader({ alg: "HS256" })
        .setIssuedAt()
        .setExpirationTime("1h")
        .sign(secret),
  },
  verify: {
    bulla: (token) => signer.verify(token).payload,
    "jose, HS256": async (token) => (await jwtVerify(token, secret)).payload.state,
  },
};

/** What a reading task reads is made by the task of the same library that writes. */
const WRITES = { open: "seal", verify: "sign" };

/** The microseconds of one call, in a round of about MILLIS milliseconds. */
async function round(run, input) {
  const start = performance.now();
  let calls = 0;
  let elapsed = 0;
  for (; elapsed < MILLIS; elapsed = performance.now() - start) {
    for (let i = 0; i < 10; i += 1) {
      const result = run(input);
      if (result instanceof Promise) await result;
    }
    calls += 10;
  }
  return (elapsed * 1000) / calls;
}

async function measure(task, state) {
  const runs = Object.entries(TASKS[task]);
  const best = new Map();
  const inputs = new Map();
  for (const [library] of runs) {
    const write = WRITES[task] === undefined ? undefined : TASKS[WRITES[task]][library];
    inputs.set(library, write === undefined ? state : await write(state));
  }
  for (let i = 0; i < ROUNDS; i += 1) {
    for (const [library, run] of runs) {
      const took = await round(run, inputs.get(library));
      best.set(library, Math.min(took, best.get(library) ?? Infinity));
    }
  }
  return best;
}

console.log(`Node ${process.version}, ${ROUNDS} rounds of ${MILLIS} ms`);
console.log("state      task    library           µs/call   bulla is faster by   characters");
for (const [size, state] of Object.entries(STATES)) {
  for (const task of Object.keys(TASKS)) {
    const best = await measure(task, state);
    for (const [library, micros] of best) {
      const ratio = library === "bulla" ? "" : `${(micros / best.get("bulla")).toFixed(2)} times`;
      const token = WRITES[task] === undefined ? await TASKS[task][library](state) : undefined;
      console.log(
        [
          size.padEnd(10),
          task.padEnd(7),
          library.padEnd(16),
          micros.toFixed(1).padStart(8),
          ratio.padStart(20),
          String(token?.length ?? "").padStart(12),
        ].join(" "),
      );
    }
  }
}
