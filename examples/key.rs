//! Prints a new key in its text form, for a line of a key ring.
#![allow(missing_docs, clippy::print_stdout, reason = "a program")]

fn main() -> Result<(), bulla::keys::RandomError> {
    println!("{}", *bulla::keys::Key::generate()?.expose_text());
    Ok(())
}
