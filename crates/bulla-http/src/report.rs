//! Writes docs/end-to-end.md: the figures of one run, the costs of a fleet, and the limits of the
//! measurement.

use crate::fleet::{self, Cost, HOURS_KEPT, READS, SECONDS, SESSIONS, WRITES};
use crate::goals::{Goal, Route};
use crate::rounds::{Figures, Sample, median, ratio, spread};
use crate::stacks::{Framework, Keeps};
use crate::wrk::CONNECTIONS;

/// Returns one goal as a line for the terminal.
#[must_use]
pub fn goal(goal: &Goal) -> String {
    let verdict = if goal.is_met() { "met   " } else { "MISSED" };
    let what = what(goal.route);
    let Goal { ours, theirs, limit, measured, .. } = goal;
    format!("{verdict} {ours:<32} {what} >= {limit:.2}: {measured:>5.2} × {theirs}")
}

fn what(route: Route) -> &'static str {
    if route == Route::Read { "reads " } else { "writes" }
}

/// Returns the whole document.
#[must_use]
pub fn write(all: &[Figures], goals: &[Goal], machine: &str, seconds: u64) -> String {
    let report = Report { all };
    [
        report.head(machine, seconds),
        report.throughput(),
        report.cpu(),
        report.bytes(),
        goals_table(goals),
        report.fleet(),
        LIMITS.to_owned(),
    ]
    .concat()
}

/// Returns a warning if other programs disturbed the run. On an idle machine, a server under full
/// load gets most of its core.
#[must_use]
pub fn disturbed(all: &[Figures]) -> Option<String> {
    let busy = all.iter().map(busy).fold(f64::MAX, f64::min);
    (busy < 60.0).then(|| {
        format!(
            "Other programs disturbed this run: a server got no more than {busy:.0} % of its core.\n\
Requests per second and the goals are unreliable, and CPU times include cold caches. Bytes and\n\
memory are valid. Run it again on an idle machine."
        )
    })
}

/// The share of its core that a server used during reads, in percent.
fn busy(of: &Figures) -> f64 {
    median(&of.reads, |of| of.load.per_second * of.server) / 1e4
}

struct Report<'a> {
    all: &'a [Figures],
}

fn per_second(sample: &Sample) -> f64 {
    sample.load.per_second
}

fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    // The first column is text, the others are right-aligned figures.
    let mut text = format!("| {} |\n|---{}|\n", head.join(" | "), "|--:".repeat(N - 1));
    for row in rows {
        text += &format!("| {} |\n", row.join(" | "));
    }
    text + "\n"
}

/// Groups thousands: 12345 as 12,345.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl Report<'_> {
    /// The first stack of the framework that stores the state in the place `keeps`.
    fn find(&self, framework: Framework, keeps: Keeps) -> &Figures {
        let mut those = self.all.iter().filter(|of| of.stack.framework == framework);
        those
            .find(|of| of.stack.keeps == keeps)
            .expect("each framework has stacks without a session and with bulla")
    }

    fn floor(&self, of: &Figures) -> &Figures {
        self.find(of.stack.framework, Keeps::Nothing)
    }

    /// bulla with its default backend. In each framework, this is the first stack that stores the
    /// state in the client.
    fn bulla(&self, of: &Figures) -> &Figures {
        self.find(of.stack.framework, Keeps::Client)
    }

    fn head(&self, machine: &str, seconds: u64) -> String {
        let date = time::OffsetDateTime::now_utc().date();
        let rounds = self.all[0].reads.len();
        let samples = || self.all.iter().flat_map(|of| [&of.reads, &of.writes]);
        let widest = samples().map(|of| spread(of, per_second)).fold(0.0, f64::max) * 100.0;
        let widest_cpu = samples().map(|of| spread(of, |of| of.server)).fold(0.0, f64::max);
        let widest_cpu = widest_cpu * 100.0;
        let disturbed = disturbed(self.all).map_or(String::new(), |why| format!("**{why}**\n\n"));
        format!(
            "# End to end\n\n\
`cargo http` (crates/bulla-http) wrote this document on {date}. All figures are from one run on\n\
{machine}.\n\
**Compare ratios; requests per second depend on the machine.** `cargo http --check` measures\n\
again and fails if a goal below is missed.\n\n{disturbed}\
The measured application has three routes. It runs on axum and on actix-web, with bulla and with\n\
other session libraries. Each library is set up as its documentation shows, with its default\n\
cookie. A framework with a session library is called a stack. All stacks store the same account\n\
(85 bytes in postcard, 204 bytes in JSON) and answer the same text. Sessions end after 30 minutes\n\
without activity, if the library can enforce that.\n\n\
| route | what it does |\n|---|---|\n\
| `POST /login` | starts a session |\n\
| `GET /balance` | a read: reads the account and answers with a line of text |\n\
| `POST /visit` | a write: changes the account |\n\n\
A server has one thread that handles requests, pinned to its own core. wrk, which has\n\
{CONNECTIONS} connections over loopback, and Redis share another core. Before the measurement, each stack\n\
must sign in and read the session back. It must refuse a request without a cookie and requests\n\
with three forged cookies. In each of {rounds} rounds, all stacks are measured one after the other, {seconds} s\n\
for each route. Every second round runs in the reverse order. The figures are medians of the rounds.\n\
The rounds of one stack differ by up to {widest:.0} % in requests per second and by up to {widest_cpu:.0} % in CPU\n\
time. If the difference between two stacks is smaller, it means nothing.\n\n\
| stack | the client can read | deadline enforced by |\n|---|---|---|\n{}\n",
            self.stacks()
        )
    }

    fn stacks(&self) -> String {
        let rows = self.all.iter().map(|of| &of.stack);
        rows.map(|stack| format!("| {} | {} | {} |\n", stack.name, stack.sees, stack.expiry))
            .collect()
    }

    fn throughput(&self) -> String {
        let rows = self.all.iter().map(|of| {
            let bulla = self.bulla(of);
            let cells = |ours: &[Sample], bulla: &[Sample]| {
                let [p50, p99] =
                    [median(ours, |of| of.load.p50) / 1e3, median(ours, |of| of.load.p99) / 1e3];
                [
                    grouped(median(ours, per_second)),
                    format!("{:.2}", ratio(ours, bulla, per_second)),
                    format!("{p50:.2}"),
                    format!("{p99:.2}"),
                ]
            };
            let [r, r_ratio, r50, r99] = cells(&of.reads, &bulla.reads);
            let [w, w_ratio, w50, w99] = cells(&of.writes, &bulla.writes);
            [of.stack.name.to_owned(), r, r_ratio, r50, r99, w, w_ratio, w50, w99]
        });
        let head = [
            "stack", "reads/s", "× bulla", "p50 ms", "p99 ms", "writes/s", "× bulla", "p50 ms",
            "p99 ms",
        ];
        format!(
            "## Requests per second on one core\n\n\
The columns × bulla show the ratio to bulla with its default backend on the same framework. p50 and\n\
p99 are the latency of a server under full load: {CONNECTIONS} requests are in progress at any time, so p50\n\
is about {CONNECTIONS} divided by the requests per second.\n\n{}",
            table(head, rows)
        )
    }

    fn cpu(&self) -> String {
        let rows = self.all.iter().map(|of| {
            let floor = self.floor(of);
            let redis = |value: f64| match of.stack.keeps {
                Keeps::Redis => format!("{value:.1}"),
                _ => "–".to_owned(),
            };
            let cells = |samples: &[Sample], floor: &[Sample]| {
                let [server, store] =
                    [median(samples, |of| of.server), median(samples, |of| of.redis)];
                let store_counts = if of.stack.keeps == Keeps::Redis { store } else { 0.0 };
                let more = server + store_counts - median(floor, |of| of.server);
                let more = if of.stack.keeps == Keeps::Nothing {
                    "–".to_owned()
                } else {
                    format!("{more:.1}")
                };
                [format!("{server:.1}"), redis(store), more]
            };
            let [read, read_redis, read_more] = cells(&of.reads, &floor.reads);
            let [write, write_redis, write_more] = cells(&of.writes, &floor.writes);
            let name = of.stack.name.to_owned();
            let busy = format!("{:.0} %", busy(of));
            [name, read, read_redis, read_more, busy, write, write_redis, write_more]
        });
        let head = [
            "stack",
            "read: server",
            "Redis",
            "session",
            "busy",
            "write: server",
            "Redis",
            "session",
        ];
        format!(
            "## CPU time per request, in µs\n\n\
The CPU time is the user and system time of the process, from /proc, divided by the number of\n\
requests. Redis has its own column, because it uses another core. The column session shows the time\n\
of server and Redis together, minus the time of the framework without a session. This figure is\n\
fairer than requests per second, because a stack with Redis uses a part of a second core. The column\n\
busy shows the share of its core that the server used during reads. In the rest of the time, other\n\
programs used this core, or the server waited for wrk or Redis.\n\n{}",
            table(head, rows)
        )
    }

    fn bytes(&self) -> String {
        let rows = self.all.iter().map(|of| {
            let (wire, floor) = (&of.wire, &self.floor(of).wire);
            let more = |ours: usize, bare: usize| (ours as f64 - bare as f64).to_string();
            let traffic = |samples: &[Sample]| match of.stack.keeps {
                Keeps::Redis => format!("{:.0}", median(samples, |of| of.traffic)),
                _ => "0".to_owned(),
            };
            // Bytes per session equal MB per million sessions.
            let server = format!("{:.0}", of.server_memory.max(0.0));
            let redis = match of.stack.keeps {
                Keeps::Redis => format!("{:.0}", of.redis_memory),
                _ => "0".to_owned(),
            };
            [
                of.stack.name.to_owned(),
                wire.cookie.to_string(),
                more(wire.read, floor.read),
                wire.set_cookie.to_string(),
                more(wire.write, floor.write),
                traffic(&of.reads),
                traffic(&of.writes),
                server,
                redis,
            ]
        });
        let head = [
            "stack",
            "Cookie line of a request",
            "added to the response to a read",
            "Set-Cookie lines of a write",
            "added to the response to a write",
            "store traffic of a read",
            "store traffic of a write",
            "server, MB for a million sessions",
            "Redis, MB for a million sessions",
        ];
        format!(
            "## Bytes and memory\n\n\
Bytes are counted on the wire, in HTTP/1.1 and in the protocol of Redis. The added bytes are the\n\
difference to the same response without a session, and include Set-Cookie lines. The memory is the\n\
growth of the resident set of the server, and of `used_memory` of Redis, while at least 100,000\n\
sessions start. If a server has no store, this growth comes from the allocator.\n\n{}",
            table(head, rows)
        )
    }

    fn fleet(&self) -> String {
        let costs: Vec<_> =
            self.all.iter().map(|of| (of, fleet::cost(of, self.floor(of)))).collect();
        let rows = costs.iter().map(|(of, cost)| {
            let floor = fleet::cost(self.floor(of), self.floor(of));
            let more = cost.server_cores + cost.redis_cores - floor.server_cores;
            [
                of.stack.name.to_owned(),
                format!("{:.1}", cost.server_cores),
                format!("{:.1}", cost.redis_cores),
                format!("{more:.1}"),
                format!("{:.2}", cost.client_gbits),
                format!("{:.2}", cost.store_gbits),
                grouped(cost.memory),
                grouped(cost.memory * 24.0 / HOURS_KEPT),
            ]
        });
        let head = [
            "stack",
            "server cores",
            "Redis cores",
            "session cores",
            "Gbit/s with clients",
            "Gbit/s with the store",
            "GB stored, if kept for an hour",
            "GB stored, if kept for a day",
        ];
        let requests = (READS + WRITES + 1.0) * SESSIONS / SECONDS;
        format!(
            "## A billion sessions a day\n\n\
This table is calculated from the figures above. A session is a login, {READS} reads and {WRITES} write, so\n\
the fleet answers {} requests per second. The figures are averages over\n\
a day in which every core is fully busy; multiply them by your peak factor. The session cores are\n\
the cores of servers and Redis, minus the cores of the framework without a session. Traffic with\n\
clients counts only the bytes that the session adds to requests and responses. Other headers,\n\
bodies and TLS add the same bytes in all stacks.\n\n{}{}",
            grouped(requests),
            table(head, rows),
            self.arithmetic()
        )
    }

    /// The calculation of one row.
    fn arithmetic(&self) -> String {
        let of = self.find(Framework::Axum, Keeps::Client);
        let redis = self.find(Framework::Axum, Keeps::Redis);
        let wire = &of.wire;
        let floor = &self.floor(of).wire;
        let Cost { server_micros, server_cores, client_bytes, client_gbits, .. } =
            fleet::cost(of, self.floor(of));
        let [read, write] = [median(&of.reads, |of| of.server), median(&of.writes, |of| of.server)];
        let held = fleet::held(redis);
        let (sessions, seconds) = (grouped(SESSIONS), grouped(SECONDS));
        format!(
            "How the row of {} is calculated:\n\n\
```text\n\
CPU     {:.1} µs login + {READS} × {read:.1} µs read + {WRITES} × {write:.1} µs write = {server_micros:.0} µs per session\n\
cores   {server_micros:.0} µs × {sessions} / {seconds} s = {server_cores:.1}\n\
bytes   {} login + {READS} × ({} Cookie + {} response) + {WRITES} × ({} Cookie + {} response) = {} per session\n\
Gbit/s  {} × 8 × {sessions} / {seconds} s = {client_gbits:.2}\n\
memory  0; for {}: {held:.0} bytes × {sessions} / 24 = {:.0} GB\n\
```\n\n",
            of.stack.name,
            of.login.server,
            wire.login - floor.login,
            wire.cookie,
            wire.read - floor.read,
            wire.cookie,
            wire.write - floor.write,
            client_bytes,
            client_bytes,
            redis.stack.name,
            held * SESSIONS * HOURS_KEPT / 24.0 / 1e9,
        )
    }
}

fn goals_table(goals: &[Goal]) -> String {
    let rows = goals.iter().map(|goal| {
        [
            goal.ours.to_owned(),
            format!("{}, relative to {}", what(goal.route).trim(), goal.theirs),
            format!("{:.2}", goal.limit),
            format!("{:.2}", goal.measured),
            (if goal.is_met() { "met" } else { "**missed**" }).to_owned(),
        ]
    });
    format!(
        "## Goals\n\nA goal compares the requests per second of bulla with those of another stack in the same round.\n\
bulla must not be slower than a stack with a store. Compared with a stack that also stores the\n\
state in a cookie, bulla may be 3 % slower, because rounds on an idle machine differ by as much:\n\
the framework and the kernel take most of the time of both stacks.\n\n{}",
        table(["stack", "goal", "at least", "measured", ""], rows)
    )
}

const LIMITS: &str = "\
## Limits of this measurement

- **The setup favors the stores.** Redis runs on the same machine, where it answers within microseconds. Over a network, an answer takes a tenth of a millisecond or more, and each request waits for it. Redis shares a core with wrk, and the time of this core does not count in the requests per second. Redis writes nothing to disk and has no replica. The Redis client of actix-session has a second thread on the core of the server. On a busy machine, two threads that wake each other get a larger share of the core than one thread. All requests use the same session, so this session is in every cache.
- **The memory store of tower-sessions** is for tests, as its documentation says. It belongs to one process, does not delete expired sessions, and is empty after a restart. Its figures show what a table in the process costs, but a fleet cannot use it.
- **Reads that renew.** bulla records activity, and so moves the idle deadline, if at least 90 seconds (5 % of the timeout) have passed since it last did so. Such a read seals a second cookie, and later requests carry both cookies. The row *every read renews* is the upper bound of the cost, and the row *axum, bulla* is the lower bound. The cost of a user who clicks once a minute is between them. The other libraries do not move deadlines on reads in this measurement. They can do so with `with_always_save(true)` (tower-sessions), `OnEveryRequest` (actix-session) and `refresh_after` (seshcookie). Such a read costs about as much as a write. PrivateCookieJar and the cookie of actix-session contain no deadline.
- **The cookies differ.** PrivateCookieJar and the cookie of actix-session use AES-256-GCM, for which processors have instructions. bulla uses XChaCha20-Poly1305, because its random nonces are safe for any number of tokens. With bulla, seshcookie, and tower-sessions-cookie-store, the server enforces the deadline. A store can end one session by deleting it. Without a store, this needs a revocation list, which bulla has (SECURITY.md).
- **Bytes are an upper bound.** If a Cookie line is repeated on a connection, HTTP/2 and HTTP/3 replace it with about one byte. The cookie names are the default of each library, and `__Host-session` is longer than `id`.
- **Loopback without TLS, wrk without think time.** With TLS, the session takes a smaller share of each request in all stacks. Each server has one thread, so axum uses the single-threaded runtime.
- **CPU time has a resolution of 10 ms**, and other programs on the machine share the caches of the processor.
- **Nothing is tuned.** The benchmark uses the versions in Cargo.lock, the default release profile of Cargo, the allocator of glibc, and the default settings of every library except the 30 minutes. fred uses the pool of six connections that the documentation of tower-sessions shows.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        for (value, text) in
            [(0.0, "0"), (999.0, "999"), (1000.0, "1,000"), (1_234_567.0, "1,234,567")]
        {
            assert_eq!(grouped(value), text);
        }
    }
}
