//! The laws of DESIGN.md, and what else must hold in every state.

pub(crate) const ONLY_ITS_OWN_KEY_AND_PURPOSE: &str =
    "law 1: a token opens only under its key and for its purpose";
pub(crate) const NOT_PAST_A_DEADLINE: &str = "law 2: no session is accepted past a deadline";
pub(crate) const NOTHING_IS_LOST: &str =
    "law 3: a session is accepted by each server that has its key, until it ends";
pub(crate) const A_VALUE_OR_AN_ERROR: &str = "law 4: a damaged token gives no session";
pub(crate) const NOTHING_IS_SENT_UNASKED: &str =
    "law 5: a request that changes nothing sends nothing back, unless a renewal is due";
pub(crate) const A_RENEWAL_UNDOES_NOTHING: &str = "law 6: a renewal undoes no change";
pub(crate) const LEFT_ALONE: &str = "law 7: a token that cannot be judged is left alone";
pub(crate) const THE_SAME_DECISION: &str =
    "law 8: servers that know the same take the same decision";
pub(crate) const REVOKED_IS_REFUSED: &str =
    "a session is refused by each server that knows that it was revoked";
pub(crate) const AT_MOST_ONE_COPY_STAYS: &str =
    "of two copies of a session that ended the others, at most one stays";
pub(crate) const A_SIGN_IN_IS_LET_IN: &str = "a user who signs in is let in";
pub(crate) const IN_THE_END: &str =
    "in the end all servers have heard all, and accept no revoked session";
pub(crate) const A_KEY_IS_PRIMARY: &str = "each server has a key to seal with";
pub(crate) const ONLY_A_DROPPED_KEY_LOSES: &str =
    "law 3: a token opens until it expires, unless its key was dropped";
pub(crate) const COMPROMISED_IS_REFUSED: &str =
    "a token under a compromised key is refused by each server that has the new ring";
pub(crate) const RINGS_IN_THE_END: &str = "in the end all servers have the newest ring";
