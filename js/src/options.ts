// The options that plain JavaScript may leave out or give a wrong type. A mistake is reported when
// the object is made, and not by the first request.

import type { Payload } from "./payload/payload.js";
import { KeyRing, type Ring } from "./ring.js";

/** Checks the options `ring` and `payload`. @throws TypeError */
export function checkTyped<T>(options: {
  readonly ring: Ring;
  readonly payload: Payload<T>;
}): void {
  const { ring, payload } = (options ?? {}) as { ring?: Ring; payload?: Payload<T> };
  if (!(ring?.ring instanceof KeyRing)) {
    throw new TypeError(
      "ring must be a KeyRing or a RingHandle: KeyRing.parse(text), or await RingHandle.watch(…)",
    );
  }
  checkPayload(payload);
}

/** Checks the option `payload`. @throws TypeError */
export function checkPayload<T>(description: Payload<T> | undefined): void {
  // An encoding has no versions.
  if (!Array.isArray(description?.schemaVersions)) {
    throw new TypeError("payload must be made with payload({ purpose, encoding })");
  }
}
