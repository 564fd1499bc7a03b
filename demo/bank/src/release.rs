//! The state of a session, in this release of the bank and in the previous one.

use bulla::Payload;
use bulla::schema::Schema;
use serde::{Deserialize, Serialize};

/// The parts of a session's state that the pages use. Both releases implement this trait.
pub(crate) trait Release: Payload + Send + Sync + 'static {
    fn sign_in(user: &str) -> Self;
    fn user(&self) -> &str;
    /// Counts a transfer and stores the notice that the next page shows about it.
    fn remember_transfer(&mut self, notice: String);
    fn transfers(&self) -> Option<u32>;
    fn notice(&self) -> Option<&str>;
    fn clear_notice(&mut self);
}

/// The state in the previous release.
#[derive(Serialize, Deserialize, Payload, Schema)]
#[payload(purpose = "bank.example/session")]
pub(crate) struct CustomerV1 {
    user: String,
}

/// The state in this release.
#[derive(Serialize, Deserialize, Payload, Schema)]
#[payload(purpose = "bank.example/session", version = 2, previous = CustomerV1)]
pub(crate) struct Customer {
    user: String,
    transfers: u32,
    notice: Option<String>,
}

impl From<CustomerV1> for Customer {
    fn from(old: CustomerV1) -> Customer {
        Customer { user: old.user, transfers: 0, notice: None }
    }
}

impl Release for CustomerV1 {
    fn sign_in(user: &str) -> CustomerV1 {
        CustomerV1 { user: user.to_owned() }
    }

    fn user(&self) -> &str {
        &self.user
    }

    fn remember_transfer(&mut self, _: String) {}

    fn transfers(&self) -> Option<u32> {
        None
    }

    fn notice(&self) -> Option<&str> {
        None
    }

    fn clear_notice(&mut self) {}
}

impl Release for Customer {
    fn sign_in(user: &str) -> Customer {
        Customer { user: user.to_owned(), transfers: 0, notice: None }
    }

    fn user(&self) -> &str {
        &self.user
    }

    fn remember_transfer(&mut self, notice: String) {
        self.transfers += 1;
        self.notice = Some(notice);
    }

    fn transfers(&self) -> Option<u32> {
        Some(self.transfers)
    }

    fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }

    fn clear_notice(&mut self) {
        self.notice = None;
    }
}
