//! Runs the service and a client, and prints the responses.
//!
//! ```sh
//! cargo run -p grpc
//! ```
#![allow(clippy::print_stdout, reason = "a demonstration program")]

use grpc::messages::{Nothing, SignIn};
use grpc::service::bank_client::BankClient;
use tonic::Request;
use tonic::metadata::AsciiMetadataValue;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = format!("http://{}", grpc::serve().await?);
    println!("service at {address}");
    let mut bank = BankClient::connect(address.clone()).await?;

    println!("balance of a guest: {}", bank.balance(Nothing {}).await.unwrap_err().message());

    let signed_in = bank.sign_in(SignIn { name: "ada".to_owned() }).await?;
    let token = signed_in.metadata().get("session-token").ok_or("no token")?.to_str()?;
    println!("signed in, with a token of {} characters", token.len());

    // Another connection continues the same session.
    let mut bank = BankClient::connect(address).await?;
    let mut request = Request::new(Nothing {});
    let bearer: AsciiMetadataValue = format!("Bearer {token}").parse()?;
    request.metadata_mut().insert("authorization", bearer);
    let amount = bank.balance(request).await?.into_inner();
    println!("balance of {}: {}.{:02}", amount.name, amount.cents / 100, amount.cents % 100);
    Ok(())
}
