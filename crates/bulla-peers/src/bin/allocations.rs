//! Prints how often each job allocates. A program of its own: an allocator that counts
//! would slow down what `bulla-peers` measures.

use bulla_peers::{peers, primitives};

fn main() {
    for mut job in peers::jobs().into_iter().chain(primitives::jobs()) {
        // The first run fills buffers that are reused.
        (job.run)();
        let count = allocation_counter::measure(|| (job.run)()).count_total;
        println!("{}\t{count}", job.name());
    }
}
