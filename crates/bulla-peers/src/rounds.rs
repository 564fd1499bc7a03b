//! How it is measured: every job in every round, so that whatever else the machine
//! does meets all of them.

use std::time::Instant;

use crate::jobs::Job;

/// How long a job runs at a time, in nanoseconds. Short, so that most runs are not broken
/// off by the scheduler, and long beside the 50 ns of reading the clock.
const SLICE: f64 = 60_000.0;

/// How often a job has its turn within a round.
const PASSES: usize = 10;

/// Nanoseconds of one run, one for each round.
pub struct Times {
    /// The job's.
    pub name: String,
    /// In the order of the rounds.
    pub ns: Vec<f64>,
}

/// Measures every job in each of `rounds` rounds. A round's figure is the best of its
/// passes: other programs on the machine only ever add.
pub fn measure(jobs: &mut [Job], rounds: usize) -> Vec<Times> {
    let counts: Vec<u64> = jobs.iter_mut().map(|job| runs_in_a_slice(&mut job.run)).collect();
    let mut times: Vec<Times> =
        jobs.iter().map(|job| Times { name: job.name(), ns: Vec::new() }).collect();
    for _ in 0..rounds {
        let mut best = vec![f64::MAX; jobs.len()];
        for pass in 0..PASSES {
            for at in 0..jobs.len() {
                // Every second pass backwards: no job always follows the same one.
                let at = if pass % 2 == 0 { at } else { jobs.len() - 1 - at };
                best[at] = best[at].min(timed(&mut jobs[at].run, counts[at]));
            }
        }
        for (times, best) in times.iter_mut().zip(best) {
            times.ns.push(best);
        }
    }
    times
}

/// The nanoseconds of one run among `count`, after some for the caches.
fn timed(run: &mut dyn FnMut(), count: u64) -> f64 {
    for _ in 0..count.div_ceil(8) {
        run();
    }
    let start = Instant::now();
    for _ in 0..count {
        run();
    }
    start.elapsed().as_nanos() as f64 / count as f64
}

fn runs_in_a_slice(run: &mut dyn FnMut()) -> u64 {
    let mut count = 1;
    loop {
        let took = timed(run, count) * count as f64;
        if took * 4.0 > SLICE {
            return ((count as f64 * SLICE / took) as u64).max(1);
        }
        count *= 2;
    }
}

/// The middle one.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// Half of what lies between the quartiles, as a share of the median: the spread.
pub fn spread(values: &[f64]) -> f64 {
    (quantile(values, 0.75) - quantile(values, 0.25)) / 2.0 / median(values)
}

fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

/// How many times longer `a` took than `b`: the median of the ratios within a round.
pub fn ratio(a: &[f64], b: &[f64]) -> f64 {
    median(&a.iter().zip(b).map(|(a, b)| a / b).collect::<Vec<_>>())
}
