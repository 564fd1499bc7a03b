//! The state of a session, and the responses. They are the same for every stack.

use bulla::Payload;
use serde::{Deserialize, Serialize};

/// A signed-in user: the small state of bulla-peers with a counter. 85 bytes in postcard, 204 bytes
/// in JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Payload)]
#[payload(purpose = "shop.example/session")]
pub struct Account {
    id: u64,
    name: String,
    mail: String,
    roles: Vec<Role>,
    tenant: String,
    locale: String,
    signed_in_at: u64,
    visits: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Role {
    Customer,
    Editor,
    Reports,
}

/// The name of the entry, for libraries that store named entries.
pub const KEY: &str = "account";

/// The response to `POST /login`.
pub const WELCOME: &str = "welcome\n";

impl Account {
    /// The user who signs in.
    #[must_use]
    pub fn sample() -> Account {
        Account {
            id: 4_815_162_342,
            name: "Grace Brewster Hopper".into(),
            mail: "grace.hopper@shops.example".into(),
            roles: vec![Role::Customer, Role::Editor, Role::Reports],
            tenant: "shop-west-2026".into(),
            locale: "en-US".into(),
            signed_in_at: 1_796_126_400,
            visits: 0,
        }
    }

    /// The response to `GET /balance`.
    #[must_use]
    pub fn balance(&self) -> String {
        format!("{} is rich\n", self.name)
    }

    /// Counts a visit, and returns the response to `POST /visit`. Its length does not depend on the
    /// counter.
    pub fn visit(&mut self) -> String {
        self.visits = self.visits.wrapping_add(1);
        format!("{} came again\n", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_has_its_documented_sizes() {
        let account = Account::sample();
        assert_eq!(postcard::to_allocvec(&account).unwrap().len(), 85);
        assert_eq!(serde_json::to_vec(&account).unwrap().len(), 204);
    }

    #[test]
    fn a_visit_changes_the_state() {
        let mut account = Account::sample();
        account.visit();
        assert_ne!(account, Account::sample());
    }
}
