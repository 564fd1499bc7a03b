//! Generates the code of the bank service with tonic.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    let method = |name: &str, route: &str, input: &str, output: &str| {
        Method::builder()
            .name(name)
            .route_name(route)
            .input_type(format!("crate::messages::{input}"))
            .output_type(format!("crate::messages::{output}"))
            .codec_path("tonic_prost::ProstCodec")
            .build()
    };
    let bank = Service::builder()
        .name("Bank")
        .package("bank")
        .method(method("sign_in", "SignIn", "SignIn", "Done"))
        .method(method("balance", "Balance", "Nothing", "Amount"))
        .method(method("sign_out", "SignOut", "Nothing", "Done"))
        .build();
    Builder::new().compile(&[bank]);
}
