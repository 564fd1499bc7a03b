//! What travels in the calls.

use prost::Message;

/// Who signs in.
#[derive(Message)]
pub struct SignIn {
    /// Their name.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// An amount of money.
#[derive(Message)]
pub struct Amount {
    /// Whose.
    #[prost(string, tag = "1")]
    pub name: String,
    /// In cents.
    #[prost(uint64, tag = "2")]
    pub cents: u64,
}

/// A question without words.
#[derive(Message)]
pub struct Nothing {}

/// An answer without words.
#[derive(Message)]
pub struct Done {}
