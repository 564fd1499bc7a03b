//! docs/end-to-end.md: every figure of one run, what they come to, and what to doubt.

use crate::bars::{Bar, Route};
use crate::fleet::{self, Cost, HOURS_KEPT, READS, SECONDS, SESSIONS, WRITES};
use crate::rounds::{Figures, Sample, median, ratio, spread};
use crate::stacks::{Framework, Keeps};
use crate::wrk::CONNECTIONS;

/// One bar, for people at a terminal.
#[must_use]
pub fn bar(bar: &Bar) -> String {
    let verdict = if bar.is_kept() { "kept  " } else { "MISSED" };
    let what = what(bar.route);
    let Bar { ours, theirs, limit, measured, .. } = bar;
    format!("{verdict} {ours:<32} {what} >= {limit:.2}: {measured:>5.2} × {theirs}")
}

fn what(route: Route) -> &'static str {
    if route == Route::Read { "reads " } else { "writes" }
}

/// The whole document.
#[must_use]
pub fn write(all: &[Figures], bars: &[Bar], machine: &str, seconds: u64) -> String {
    let report = Report { all };
    [
        report.head(machine, seconds),
        report.throughput(),
        report.cpu(),
        report.bytes(),
        bars_table(bars),
        report.fleet(),
        DOUBTS.to_owned(),
    ]
    .concat()
}

/// That other programs were at work, if they were: a server that is asked for all it can do
/// has most of its core otherwise.
#[must_use]
pub fn disturbed(all: &[Figures]) -> Option<String> {
    let busy = all.iter().map(busy).fold(f64::MAX, f64::min);
    (busy < 60.0).then(|| {
        format!(
            "Other programs disturbed this run: a server had no more than {busy:.0} % of its core.\n\
Requests a second and the bars say then who else was at work, and CPU times have cold caches\n\
in them. Bytes and memory hold. Run it again on a quiet machine."
        )
    })
}

/// How much of its core a server had while it was read, in percent.
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
    // Text in the first column, figures in the others.
    let mut text = format!("| {} |\n|---{}|\n", head.join(" | "), "|--:".repeat(N - 1));
    for row in rows {
        text += &format!("| {} |\n", row.join(" | "));
    }
    text + "\n"
}

/// 12345 as 12,345.
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
    /// The first of the framework that matches.
    fn find(&self, framework: Framework, keeps: Keeps) -> &Figures {
        let mut those = self.all.iter().filter(|of| of.stack.framework == framework);
        those.find(|of| of.stack.keeps == keeps).expect("each framework has its floor and bulla")
    }

    fn floor(&self, of: &Figures) -> &Figures {
        self.find(of.stack.framework, Keeps::Nothing)
    }

    /// bulla as it comes, which stands right behind the floor.
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
Written by `cargo http` (crates/bulla-http) on {date}, one run on\n\
{machine}.\n\
**Ratios are what lasts**; requests a second are those of one machine on one day.\n\
`cargo http --check` measures again and fails where a bar below is missed.\n\n{disturbed}\
The same application of three routes on axum and on actix-web, with bulla and with what would\n\
be taken instead, each as its own documentation shows it, with its default cookie. All carry\n\
the same account (85 bytes in postcard, 204 in JSON) and answer the same text. Sessions live\n\
30 minutes without activity, where the library can hold that.\n\n\
| route | what it does |\n|---|---|\n\
| `POST /login` | starts a session |\n\
| `GET /balance` | a read: the typed account, a line of text |\n\
| `POST /visit` | a write: the account, changed |\n\n\
A server has one thread that handles requests, pinned to a core of its own; wrk with\n\
{CONNECTIONS} connections over loopback, and Redis, share another. Before anything is\n\
measured, each stack has to sign in, to read back, and to refuse no cookie and three forged\n\
ones. All have their turn in each of {rounds} rounds, {seconds} s a route, every second round\n\
backwards; figures are medians of the rounds. A round's requests a second lie up to {widest:.0} %\n\
apart, its CPU times up to {widest_cpu:.0} %: less than that is no difference.\n\n\
| stack | the client sees | deadline held by |\n|---|---|---|\n{}\n",
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
            "## Requests a second, of one core\n\n\
× bulla: as a multiple of bulla with its default backend on the same framework. Latency is\n\
that of a server that has all it can do: {CONNECTIONS} requests wait at any time, so that p50 is\n\
about {CONNECTIONS} divided by requests a second.\n\n{}",
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
            "the session's",
            "busy",
            "write: server",
            "Redis",
            "the session's",
        ];
        format!(
            "## CPU time of a request, in µs\n\n\
User and system time of the process, from /proc, divided by requests. Redis' is a column of\n\
its own, since it is another core's. The session's: server and Redis together, less the\n\
framework without a session. This is the fairer figure: a stack with Redis has a core and a\n\
part of a second one. Busy: how much of its core the server had, or could use, while it was\n\
read; what is missing went to other programs, or to waiting for wrk or Redis.\n\n{}",
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
            // Bytes a session are MB a million sessions.
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
            "more in the answer to a read",
            "Set-Cookie lines of a write",
            "more in the answer to a write",
            "to and from the store, a read",
            "a write",
            "server, MB for a million sessions",
            "Redis, MB for a million sessions",
        ];
        format!(
            "## Bytes, and memory\n\n\
Bytes of HTTP/1.1 as they are on the wire, and of Redis' protocol. More: what the answer has\n\
that the same answer without a session has not, Set-Cookie lines included. Memory: the growth\n\
of the server's resident set, and of Redis' `used_memory`, while 100,000 sessions or more are\n\
started. What a server without a store shows there is its allocator's.\n\n{}",
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
            "the sessions' cores",
            "Gbit/s with clients",
            "Gbit/s with the store",
            "GB held, if kept an hour",
            "GB held, if kept a day",
        ];
        let requests = (READS + WRITES + 1.0) * SESSIONS / SECONDS;
        format!(
            "## A billion sessions a day\n\n\
On paper, from the figures above: a session is a login, {READS} reads and {WRITES} write, so that the\n\
fleet answers {} requests a second. Averages over a day, with every core busy all the time;\n\
multiply by your peak. The sessions' cores: servers and Redis, less the framework's. Bytes\n\
are what the session adds to requests and answers; other headers, bodies and TLS come on top\n\
and are the same for all.\n\n{}{}",
            grouped(requests),
            table(head, rows),
            self.arithmetic()
        )
    }

    /// One row, worked out.
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
            "How the row of {} comes about:\n\n\
```text\n\
CPU     {:.1} µs login + {READS} × {read:.1} µs read + {WRITES} × {write:.1} µs write = {server_micros:.0} µs a session\n\
cores   {server_micros:.0} µs × {sessions} / {seconds} s = {server_cores:.1}\n\
bytes   {} login + {READS} × ({} Cookie + {} answer) + {WRITES} × ({} Cookie + {} answer) = {} a session\n\
Gbit/s  {} × 8 × {sessions} / {seconds} s = {client_gbits:.2}\n\
memory  0; and of {}: {held:.0} bytes × {sessions} / 24 = {:.0} GB\n\
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

fn bars_table(bars: &[Bar]) -> String {
    let rows = bars.iter().map(|bar| {
        [
            bar.ours.to_owned(),
            format!("{} beside {}", what(bar.route).trim(), bar.theirs),
            format!("{:.2}", bar.limit),
            format!("{:.2}", bar.measured),
            (if bar.is_kept() { "kept" } else { "**missed**" }).to_owned(),
        ]
    });
    format!(
        "## Bars\n\nRequests a second, as a multiple of the other's in the same round. Of a store: not below\n\
it. Of another cookie: not below it by more than rounds of a quiet machine differ, since\n\
framework and kernel are most of the time of both.\n\n{}",
        table(["stack", "promise", "at least", "measured", "kept"], rows)
    )
}

const DOUBTS: &str = "\
## What to doubt

- **Whom the set-up favours: the stores.** Redis is on the same machine, where an answer takes microseconds; over a network it takes a tenth of a millisecond or more, and each request waits for it. It has a core to share with wrk, which is not counted against its requests a second, writes nothing to a disk and has no replica. actix-session's client of Redis has a thread beside the one that handles requests, on the same core, and a busy machine gives two threads that wake each other more of it than one. One session is asked for again and again, so that it lies in every cache.
- **tower-sessions' memory store** is for tests, says its documentation: it belongs to one process, deletes nothing that has expired, and is empty after a restart. It shows what a table in the process costs, and is no choice for a fleet.
- **Reads that renew.** bulla moves the idle deadline when at least 90 seconds have gone since it was last moved (5 % of the timeout): that read seals a second cookie, and requests carry both from then on. The row *every read renews* is the upper bound, the row above it the lower: somebody who clicks once a minute is between them. The peers here do not move deadlines on reads: tower-sessions does with `with_always_save(true)`, actix-session with `OnEveryRequest`, seshcookie with `refresh_after`, and a read that does costs about as much as a write. PrivateCookieJar and actix-session's cookie hold no deadline at all.
- **What the cookies do not do alike.** PrivateCookieJar and actix-session's cookie are AES-256-GCM, which processors have instructions for; bulla is XChaCha20-Poly1305, with random nonces for as many tokens as one likes. bulla, seshcookie, and tower-sessions-cookie-store hold the deadline on the server. Only stores can end one session without a list; bulla has a list (SECURITY.md).
- **Bytes are an upper bound.** HTTP/2 and HTTP/3 replace a Cookie line that repeats itself on a connection by a byte or so. Names of cookies are each library's default, and `__Host-session` is a longer one than `id`.
- **Loopback without TLS, wrk without think time.** With TLS the session's share of a request is smaller for all. Servers have one thread each; axum's runtime is the single-threaded one.
- **CPU time has a grain of 10 ms**, and the processor's caches are shared with whatever else the machine does.
- **Nothing is tuned**: versions of the day in Cargo.lock, the release profile as Cargo has it, glibc's allocator, default settings of every library except the 30 minutes; fred with the pool of six that tower-sessions' documentation shows.
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
