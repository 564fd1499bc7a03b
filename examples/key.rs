//! Prints a new key as text, for a line of a key ring.
#![allow(missing_docs, clippy::print_stdout, reason = "an example program")]

fn main() -> Result<(), bulla::keys::RandomError> {
    println!("{}", *bulla::keys::Key::generate()?.expose_text());
    Ok(())
}
