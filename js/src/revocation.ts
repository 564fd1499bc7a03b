// Revocation: ending sessions before their deadline, on every server.
//
// | question | file |
// |---|---|
// | What is one revocation, and how is it written as a line of text? | `revocation/entry` |
// | Which revocations of one subject are known, and how do two of them merge? | `revocation/known` |
// | How does a server store its list, and does the list revoke a session? | `revocation/list` |

export {
  RevocationError,
  formatRevocation,
  parseRevocation,
  revocationOfAll,
  revocationOfSubject,
  subjectOf,
} from "./revocation/entry.js";
export type {
  AllRevocation,
  Exception,
  KeyRevocation,
  Revocation,
  SessionRevocation,
  SubjectRevocation,
} from "./revocation/entry.js";
export { Revocations } from "./revocation/list.js";
export type { Spread } from "./revocation/list.js";
