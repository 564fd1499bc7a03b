//! Prints how often each job allocates. This is a separate program, because an allocator that counts
//! would slow down the measurements of `bulla-peers`.

use bulla_peers::{peers, primitives};

fn main() {
    for mut job in peers::jobs().into_iter().chain(primitives::jobs()) {
        // The first run allocates the buffers that later runs reuse.
        (job.run)();
        let count = allocation_counter::measure(|| (job.run)()).count_total;
        println!("{}\t{count}", job.name());
    }
}
