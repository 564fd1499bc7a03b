#![no_main]
#![allow(missing_docs)] // the macro's entry point

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

// JSON is read also when it is not verified, so whoever sends it must get no more memory
// than its length is worth. All that the law allocates is counted, many times over.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let region = Region::new(ALLOCATOR);
    bulla_fuzz::laws::payload(data);
    let json = data.first().is_some_and(|kind| kind % 4 == 3);
    let allocated = region.change().bytes_allocated;
    assert!(!json || allocated < 65_536 + 512 * data.len(), "{allocated} for {}", data.len());
});
