//! The server that `bulla-http` measures. It serves one stack on loopback until it is killed.
//!
//! ```sh
//! server --stack axum-bulla --listen 127.0.0.1:0   # prints http://127.0.0.1:PORT
//! ```

use std::env;
use std::net::TcpListener;

use bulla_http::Outcome;
use bulla_http::stacks::{STACKS, actix, axum};

fn main() -> Outcome {
    let (mut stack, mut listen, mut redis) =
        (String::new(), "127.0.0.1:0".to_owned(), "redis://127.0.0.1:6379".to_owned());
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match (argument.as_str(), arguments.next()) {
            ("--stack", Some(value)) => stack = value,
            ("--listen", Some(value)) => listen = value,
            ("--redis", Some(value)) => redis = value,
            _ => return Err(usage().into()),
        }
    }
    if !STACKS.iter().any(|known| known.id == stack) {
        return Err(usage().into());
    }
    let listener = TcpListener::bind(listen)?;
    println!("http://{}", listener.local_addr()?);
    if stack.starts_with("axum") {
        axum::serve(&stack, listener, &redis)
    } else {
        actix::serve(&stack, listener, &redis)
    }
}

fn usage() -> String {
    let stacks: Vec<_> = STACKS.iter().map(|stack| stack.id).collect();
    format!(
        "usage: server --stack NAME [--listen 127.0.0.1:0] [--redis redis://127.0.0.1:6379]\n\
         stacks: {}",
        stacks.join(", ")
    )
}
