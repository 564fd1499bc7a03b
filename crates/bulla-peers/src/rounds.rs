//! How jobs are measured. Every job runs in every round, so that other load on the machine affects
//! all jobs in the same way.

use std::time::Instant;

use crate::jobs::Job;

/// How long a job runs at a time, in nanoseconds. This time is short, so the scheduler interrupts
/// few runs. It is long compared with the 50 ns of reading the clock.
const SLICE: f64 = 60_000.0;

/// How often a job runs within a round.
const PASSES: usize = 10;

/// The times of one job.
pub struct Times {
    /// The name of the job.
    pub name: String,
    /// Nanoseconds of one run, one figure for each round.
    pub ns: Vec<f64>,
}

/// Measures every job in each of `rounds` rounds. The figure of a round is the best of its passes,
/// because other programs on the machine can only add time.
pub fn measure(jobs: &mut [Job], rounds: usize) -> Vec<Times> {
    let counts: Vec<u64> = jobs.iter_mut().map(|job| runs_in_a_slice(&mut job.run)).collect();
    let mut times: Vec<Times> =
        jobs.iter().map(|job| Times { name: job.name(), ns: Vec::new() }).collect();
    for _ in 0..rounds {
        let mut best = vec![f64::MAX; jobs.len()];
        for pass in 0..PASSES {
            for at in 0..jobs.len() {
                // Every second pass runs backwards, so that no job always follows the same job.
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

/// The mean nanoseconds of `count` runs, after some runs that warm the caches.
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

/// The median.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The spread: half the distance between the quartiles, as a share of the median.
pub fn spread(values: &[f64]) -> f64 {
    (quantile(values, 0.75) - quantile(values, 0.25)) / 2.0 / median(values)
}

fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

/// The time of `a` divided by the time of `b`: the median of the ratios of all rounds.
pub fn ratio(a: &[f64], b: &[f64]) -> f64 {
    median(&a.iter().zip(b).map(|(a, b)| a / b).collect::<Vec<_>>())
}
