//! Measures, writes docs/performance.md and docs/peers.svg, and with `--check` fails
//! where a bar is missed.

use bulla_peers::{peers, primitives, rounds};

fn main() {
    peers::check();
    let mut jobs = peers::jobs();
    jobs.extend(primitives::jobs());
    let times = rounds::measure(&mut jobs, 25);
    for (job, t) in jobs.iter().zip(&times) {
        println!("{:60} {:10.0} ±{:4.1}% {}", t.name, rounds::median(&t.ns), rounds::spread(&t.ns)*100.0, job.chars);
    }
}
