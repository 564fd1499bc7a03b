//! The goals: the throughput of bulla relative to other libraries, as ratios within a round.

use crate::rounds::{Figures, Sample, ratio};
use crate::stacks::Build;

/// A goal for the requests per second of a stack with bulla, relative to another stack.
pub struct Goal {
    /// The stack with bulla.
    pub ours: &'static str,
    /// The route.
    pub route: Route,
    /// The other stack.
    pub theirs: &'static str,
    /// The smallest ratio that meets the goal.
    pub limit: f64,
    /// The measured ratio.
    pub measured: f64,
}

/// The limit relative to a stack with a store: bulla must not be slower.
const STORE: f64 = 1.0;

/// The limit relative to a stack with encrypted cookies. The framework and the kernel take most of
/// the time of such a request. Rounds on an idle machine differ by up to 3 %, so the limit is not
/// 1.
const COOKIE: f64 = 0.97;

impl Goal {
    /// Whether the goal is met.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.measured >= self.limit
    }
}

/// A read or a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// GET /balance
    Read,
    /// POST /visit
    Write,
}

impl Route {
    /// The samples of this route.
    #[must_use]
    pub fn of(self, figures: &Figures) -> &[Sample] {
        match self {
            Route::Read => &figures.reads,
            Route::Write => &figures.writes,
        }
    }
}

const GOALS: [(&str, Build, Route, &str, f64); 16] = {
    use Build::{AwsLc, Default, Dryoc};
    use Route::{Read, Write};
    [
        ("axum-bulla", AwsLc, Read, "axum-private-jar", COOKIE),
        ("axum-bulla", AwsLc, Read, "axum-seshcookie", COOKIE),
        ("axum-bulla", AwsLc, Read, "axum-tower-cookie", COOKIE),
        ("axum-bulla", AwsLc, Read, "axum-tower-redis", STORE),
        ("axum-bulla", AwsLc, Write, "axum-tower-redis", STORE),
        ("axum-bulla", Dryoc, Read, "axum-private-jar", COOKIE),
        ("axum-bulla", Dryoc, Read, "axum-seshcookie", COOKIE),
        ("axum-bulla", Dryoc, Read, "axum-tower-cookie", COOKIE),
        ("axum-bulla", Default, Read, "axum-tower-redis", STORE),
        ("axum-bulla", Default, Write, "axum-tower-redis", STORE),
        ("actix-bulla", AwsLc, Read, "actix-session-cookie", COOKIE),
        ("actix-bulla", AwsLc, Read, "actix-session-redis", STORE),
        ("actix-bulla", AwsLc, Write, "actix-session-redis", STORE),
        ("actix-bulla", Dryoc, Read, "actix-session-cookie", COOKIE),
        ("actix-bulla", Default, Read, "actix-session-redis", STORE),
        ("actix-bulla", Default, Write, "actix-session-redis", STORE),
    ]
};

/// Checks every goal.
///
/// # Panics
/// If a stack of the table was not measured.
#[must_use]
pub fn goals(all: &[Figures]) -> Vec<Goal> {
    let of = |id: &str, build: Build| {
        let found = all.iter().find(|known| known.stack.id == id && known.stack.build == build);
        found.unwrap_or_else(|| panic!("{id} was not measured"))
    };
    let goal = |(ours, build, route, theirs, limit): (&str, Build, Route, &str, f64)| {
        let (ours, theirs) = (of(ours, build), of(theirs, Build::Default));
        let per_second = |sample: &Sample| sample.load.per_second;
        let measured = ratio(route.of(ours), route.of(theirs), per_second);
        Goal { ours: ours.stack.name, route, theirs: theirs.stack.name, limit, measured }
    };
    GOALS.into_iter().map(goal).collect()
}
