//! The laws: the properties that the models check.

pub(crate) const ONLY_ITS_OWN_KEY_AND_PURPOSE: &str =
    "law 1: a token opens only with its key and for its purpose";
pub(crate) const NOT_PAST_A_DEADLINE: &str = "law 2: no session is accepted past a deadline";
pub(crate) const NOTHING_IS_LOST: &str =
    "law 3: until a session ends, every server that has its key accepts it";
pub(crate) const A_VALUE_OR_AN_ERROR: &str = "law 4: a damaged token gives no session";
pub(crate) const NOTHING_IS_SENT_UNASKED: &str =
    "law 5: if a request changes nothing and no renewal is due, the response has no cookies";
pub(crate) const A_RENEWAL_UNDOES_NOTHING: &str = "law 6: a renewal undoes no change";
pub(crate) const LEFT_ALONE: &str = "law 7: a token that cannot be judged is left alone";
pub(crate) const THE_SAME_DECISION: &str =
    "law 8: servers with the same ring, revocations and time make the same decision";
pub(crate) const REVOKED_IS_REFUSED: &str =
    "a server that has the revocation of a session refuses the session";
pub(crate) const AT_MOST_ONE_COPY_STAYS: &str =
    "if two copies of a session ended the others, at most one copy stays valid";
pub(crate) const A_SIGN_IN_IS_LET_IN: &str =
    "the session of a user who has just signed in is accepted";
pub(crate) const IN_THE_END: &str =
    "in the end, all servers have all revocations and accept no revoked session";
pub(crate) const A_KEY_IS_PRIMARY: &str = "every server has a primary key";
pub(crate) const ONLY_A_DROPPED_KEY_LOSES: &str =
    "law 3: a token opens until it expires, unless its key was removed from the ring";
pub(crate) const COMPROMISED_IS_REFUSED: &str =
    "every server that has the new ring refuses tokens under the compromised key";
pub(crate) const RINGS_IN_THE_END: &str = "in the end, all servers have the newest ring";
