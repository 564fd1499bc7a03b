//! What a session holds, and what the routes answer: the same text from every stack.

use bulla::Payload;
use serde::{Deserialize, Serialize};

/// Who is signed in: 85 bytes in postcard, 204 in JSON. The small state of bulla-peers,
/// and a count that changes.
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

/// Where stores by name and jars keep it.
pub const KEY: &str = "account";

/// What POST /login answers.
pub const WELCOME: &str = "welcome\n";

impl Account {
    /// Whoever signs in.
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

    /// What GET /balance answers.
    #[must_use]
    pub fn balance(&self) -> String {
        format!("{} is rich\n", self.name)
    }

    /// What POST /visit does and answers. Its length does not depend on the count.
    pub fn visit(&mut self) -> String {
        self.visits = self.visits.wrapping_add(1);
        format!("{} came again\n", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_has_the_sizes_that_are_named() {
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
