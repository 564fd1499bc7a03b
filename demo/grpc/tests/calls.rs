//! Tests of the service through its client.

use grpc::messages::{Nothing, SignIn};
use grpc::service::bank_client::BankClient;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Code, Request};

async fn client() -> BankClient<Channel> {
    let address = grpc::serve().await.unwrap();
    BankClient::connect(format!("http://{address}")).await.unwrap()
}

fn with<M>(message: M, token: &str) -> Request<M> {
    let mut request = Request::new(message);
    let bearer = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", bearer);
    request
}

fn token(metadata: &MetadataMap) -> &str {
    metadata.get("session-token").unwrap().to_str().unwrap()
}

#[tokio::test]
async fn a_client_signs_in_and_out_with_tokens_in_metadata() {
    let mut bank = client().await;
    let guest = bank.balance(Nothing {}).await.unwrap_err();
    assert_eq!(guest.code(), Code::Unauthenticated);

    let signed_in = bank.sign_in(SignIn { name: "ada".to_owned() }).await.unwrap();
    assert!(signed_in.metadata().contains_key("session-renewal"));
    let ours = token(signed_in.metadata()).to_owned();
    let amount = bank.balance(with(Nothing {}, &ours)).await.unwrap();
    assert_eq!(amount.into_inner().name, "ada");

    let forged = bank.balance(with(Nothing {}, &format!("{ours}x"))).await.unwrap_err();
    assert_eq!((forged.code(), forged.message()), (guest.code(), guest.message()));

    let signed_out = bank.sign_out(with(Nothing {}, &ours)).await.unwrap();
    assert_eq!(token(signed_out.metadata()), "");
}

#[tokio::test]
async fn a_call_that_fails_with_internal_starts_no_session() {
    let mut bank = client().await;
    let failed = bank.sign_in(SignIn { name: "nobody".to_owned() }).await.unwrap_err();
    assert_eq!(failed.code(), Code::Internal);
    assert!(!failed.metadata().contains_key("session-token"));
}
