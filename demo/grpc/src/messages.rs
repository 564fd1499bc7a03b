//! The messages of the service.

use prost::Message;

/// The request of a user to sign in.
#[derive(Message)]
pub struct SignIn {
    /// The name of the user.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// The balance of an account.
#[derive(Message)]
pub struct Amount {
    /// The name of the user.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The amount in cents.
    #[prost(uint64, tag = "2")]
    pub cents: u64,
}

/// A request without fields.
#[derive(Message)]
pub struct Nothing {}

/// A response without fields.
#[derive(Message)]
pub struct Done {}
