#![no_main]
#![allow(missing_docs)] // of the function that the macro generates

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

// An application can decode JSON without verifying the token first. Therefore the decoder must not
// allocate much more than the length of the JSON. The limit is high, because it also includes all
// other allocations of the law.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let region = Region::new(ALLOCATOR);
    bulla_fuzz::laws::payload(data);
    let json = data.first().is_some_and(|kind| kind % 4 == 3);
    let allocated = region.change().bytes_allocated;
    assert!(!json || allocated < 65_536 + 512 * data.len(), "{allocated} for {}", data.len());
});
