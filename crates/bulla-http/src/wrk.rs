//! wrk: as many requests as 32 connections get through, on the load's core.

use std::process::Command;

use crate::Outcome;
use crate::machines::{LOAD_CORE, on_core};

/// How many requests are under way at any time.
pub const CONNECTIONS: usize = 32;

/// What one run of wrk comes to.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Answered, all of them with success.
    pub requests: f64,
    /// In a second.
    pub per_second: f64,
    /// Half of the requests took longer, in microseconds.
    pub p50: f64,
    /// One in a hundred took longer, in microseconds.
    pub p99: f64,
}

/// Asks for `seconds`.
///
/// # Errors
/// wrk is not there, or a request failed: then nothing was measured.
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
        return Err(format!("wrk says {figures:?}").into());
    };
    if errors > 0.0 || requests == 0.0 {
        return Err(format!("{method} {url}: {errors} of {requests} requests failed").into());
    }
    Ok(Load { requests, per_second: requests / duration * 1e6, p50, p99 })
}
