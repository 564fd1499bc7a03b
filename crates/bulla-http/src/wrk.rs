//! Runs wrk, which sends as many requests as possible over 32 connections.

use std::process::Command;

use crate::Outcome;
use crate::machines::{LOAD_CORE, on_core};

/// The number of concurrent connections.
pub const CONNECTIONS: usize = 32;

/// The figures of one run of wrk.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Successful requests. A run with a failed request is an error.
    pub requests: f64,
    /// Requests per second.
    pub per_second: f64,
    /// The median latency, in microseconds.
    pub p50: f64,
    /// The 99th percentile of the latency, in microseconds.
    pub p99: f64,
}

/// Sends requests for `seconds`.
///
/// # Errors
/// If wrk is not installed, or if a request fails.
pub fn run(method: &str, url: &str, cookie: Option<&str>, seconds: u64) -> Outcome<Load> {
    let mut wrk: Command = on_core(LOAD_CORE, "wrk");
    wrk.args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{seconds}s"), "-s"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/src/wrk.lua"))
        .args([url, "--", method])
        .args(cookie);
    let output = wrk.output().map_err(|error| format!("wrk: {error}; apt-get install wrk"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let figures = text.lines().find_map(|line| line.strip_prefix("FIGURES "));
    let figures: Vec<f64> = figures
        .ok_or_else(|| format!("wrk {url}: {text}{}", String::from_utf8_lossy(&output.stderr)))?
        .split(' ')
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let [requests, duration, errors, p50, p99] = figures[..] else {
        return Err(format!("wrk printed unknown figures: {figures:?}").into());
    };
    if errors > 0.0 || requests == 0.0 {
        return Err(format!("{method} {url}: {errors} of {requests} requests failed").into());
    }
    Ok(Load { requests, per_second: requests / duration * 1e6, p50, p99 })
}
