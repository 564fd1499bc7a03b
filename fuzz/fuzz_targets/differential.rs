#![no_main]
#![allow(missing_docs)] // the macro's entry point

libfuzzer_sys::fuzz_target!(|data: &[u8]| bulla_fuzz::laws::differential(data));
