//! What is promised: how bulla's throughput stands to its peers', as ratios within a round.

use crate::rounds::{Figures, Sample, ratio};
use crate::stacks::Build;

/// One promise: at least as many requests a second as the other.
pub struct Bar {
    /// bulla's stack.
    pub ours: &'static str,
    /// What is asked for.
    pub route: Route,
    /// Beside whom.
    pub theirs: &'static str,
    /// At least so many times as many.
    pub limit: f64,
    /// How many times as many.
    pub measured: f64,
}

/// Of who asks a store: not slower.
const STORE: f64 = 1.0;

/// Of who opens a cookie as bulla does: not slower, by more than rounds of a quiet machine
/// differ. Framework and kernel are most of such a request.
const COOKIE: f64 = 0.97;

impl Bar {
    /// Whether it holds.
    #[must_use]
    pub fn is_kept(&self) -> bool {
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
    /// What was measured of it.
    #[must_use]
    pub fn of(self, figures: &Figures) -> &[Sample] {
        match self {
            Route::Read => &figures.reads,
            Route::Write => &figures.writes,
        }
    }
}

const BARS: [(&str, Build, Route, &str, f64); 12] = {
    use Build::{AwsLc, Default};
    use Route::{Read, Write};
    [
        ("axum-bulla", AwsLc, Read, "axum-private-jar", COOKIE),
        ("axum-bulla", AwsLc, Read, "axum-seshcookie", COOKIE),
        ("axum-bulla", AwsLc, Read, "axum-tower-cookie", COOKIE),
        ("axum-bulla", AwsLc, Read, "axum-tower-redis", STORE),
        ("axum-bulla", AwsLc, Write, "axum-tower-redis", STORE),
        ("axum-bulla", Default, Read, "axum-tower-redis", STORE),
        ("axum-bulla", Default, Write, "axum-tower-redis", STORE),
        ("actix-bulla", AwsLc, Read, "actix-session-cookie", COOKIE),
        ("actix-bulla", AwsLc, Read, "actix-session-redis", STORE),
        ("actix-bulla", AwsLc, Write, "actix-session-redis", STORE),
        ("actix-bulla", Default, Read, "actix-session-redis", STORE),
        ("actix-bulla", Default, Write, "actix-session-redis", STORE),
    ]
};

/// Every promise, held to what was measured.
///
/// # Panics
/// A stack of the table above was not measured.
#[must_use]
pub fn bars(all: &[Figures]) -> Vec<Bar> {
    let of = |id: &str, build: Build| {
        let found = all.iter().find(|known| known.stack.id == id && known.stack.build == build);
        found.unwrap_or_else(|| panic!("{id} was not measured"))
    };
    let bar = |(ours, build, route, theirs, limit): (&str, Build, Route, &str, f64)| {
        let (ours, theirs) = (of(ours, build), of(theirs, Build::Default));
        let per_second = |sample: &Sample| sample.load.per_second;
        let measured = ratio(route.of(ours), route.of(theirs), per_second);
        Bar { ours: ours.stack.name, route, theirs: theirs.stack.name, limit, measured }
    };
    BARS.into_iter().map(bar).collect()
}
