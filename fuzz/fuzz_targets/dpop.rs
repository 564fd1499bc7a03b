#![no_main]
#![allow(missing_docs)] // of the function that the macro generates

libfuzzer_sys::fuzz_target!(|data: &[u8]| bulla_fuzz::laws::dpop(data));
