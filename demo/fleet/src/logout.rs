//! "Sign out my other devices": the other one is refused on every bank within a
//! second, no request asks Redis, and Redis may go away.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hyper::StatusCode;
use tokio::sync::watch;

use crate::Outcome;
use crate::client::{Client, Kind};
use crate::load::{Load, Word};
use crate::machines::{BANKS, Machines};
use crate::tally::Tally;

/// Until a sign-out must hold everywhere.
const LIMIT: Duration = Duration::from_secs(1);

/// How often a link is used twice at once.
const LINKS: usize = 1000;

pub(crate) async fn run(seconds: Duration, clients: usize) -> Outcome<bool> {
    let machines = Machines::start().await?;
    let (tell, word) = watch::channel(Word::default());
    let tally = Arc::new(Tally::new(clients));
    let load = Load { tally: Arc::clone(&tally), word, bank: machines.front };
    let mut scene = Scene { machines, number: 0, failures: Vec::new() };

    // All of it as ada; the load is alan's.
    let busy: Vec<_> = (0..clients).map(|number| load.busy_as_nobody_else(number)).collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let commands = scene.machines.redis_commands().await?;
    let requests = tally.requests.load(Ordering::Relaxed);
    let begun = Instant::now();
    let (mut others, mut copies) = (Vec::new(), Vec::new());
    while begun.elapsed() < seconds.mul_f64(0.6) {
        others.extend(scene.end_others().await?);
        // A revocation of all of a subject counts whole seconds.
        let next = Instant::now() + Duration::from_millis(1100);
        while Instant::now() < next {
            copies.extend(scene.sign_out().await?);
        }
    }
    let rounds = (others.len() + copies.len()) / BANKS;
    let commands = scene.machines.redis_commands().await? - commands;
    let requests = tally.requests.load(Ordering::Relaxed) - requests;
    scene.report("other devices", &mut others);
    scene.report("copies of a session signed out", &mut copies);
    println!("Redis: {commands} commands for {requests} requests and {rounds} sign-outs");
    // A transaction of three for each, a heartbeat of each bank a second, and
    // what this program asks.
    let allowed = rounds as u64 * 6 + (begun.elapsed().as_secs() + 1) * 12;
    scene.expect(commands <= allowed, &format!("at most {allowed} commands of Redis"));

    scene.without_redis().await?;
    scene.links().await?;

    tell.send_modify(|word| word.stop = true);
    for client in busy {
        client.await?;
    }
    let (lost, errors) = (tally.lost.load(Ordering::Relaxed), tally.errors.load(Ordering::Relaxed));
    for problem in tally.problems().iter().take(10) {
        println!("{problem}");
    }
    scene.expect(lost == 0, &format!("no session of others lost ({lost})"));
    scene.expect(errors == 0, &format!("no errors ({errors})"));
    let Scene { machines, failures, .. } = scene;
    machines.stop().await?;
    for failure in &failures {
        println!("NOT AS PROMISED: {failure}");
    }
    Ok(failures.is_empty())
}

struct Scene {
    machines: Machines,
    number: usize,
    failures: Vec<String>,
}

impl Scene {
    /// Signs in with two devices, ends the other, and measures how long each
    /// bank goes on accepting it.
    async fn end_others(&mut self) -> Outcome<Vec<Duration>> {
        let (mut here, there) = (self.device().await?, self.device().await?);
        here.end_others().await?;
        let delays = self.refused_by_all(&there, Instant::now()).await?;
        for bank in 0..BANKS {
            here.ask(self.machines.bank(bank));
            let alive = here.balance().await?.status == StatusCode::OK;
            self.expect(alive, "the device that ended the others stays");
        }
        Ok(delays)
    }

    /// The same for a copy of a session that signs out.
    async fn sign_out(&mut self) -> Outcome<Vec<Duration>> {
        let mut device = self.device().await?;
        let copy = device.copy();
        device.sign_out().await?;
        self.refused_by_all(&copy, Instant::now()).await
    }

    /// One that is signed in.
    async fn device(&mut self) -> Outcome<Client> {
        self.number += 1;
        let kind = if self.number.is_multiple_of(2) { Kind::Browser } else { Kind::Phone };
        let mut device = Client::new(kind, self.machines.front, 0); // ada
        device.sign_in().await?;
        let alive = device.balance().await?.status == StatusCode::OK;
        self.expect(alive, "a device that signs in is signed in");
        Ok(device)
    }

    async fn refused_by_all(&self, device: &Client, since: Instant) -> Outcome<Vec<Duration>> {
        let mut delays = Vec::new();
        for bank in 0..BANKS {
            let refused = self.refused_by(device, bank, LIMIT * 3, since).await?;
            delays.push(refused.unwrap_or(LIMIT * 3));
        }
        Ok(delays)
    }

    /// When a bank began to refuse a device's tokens, if it did in time.
    async fn refused_by(
        &self,
        device: &Client,
        bank: usize,
        within: Duration,
        since: Instant,
    ) -> Outcome<Option<Duration>> {
        let mut probe = device.copy();
        probe.ask(self.machines.bank(bank));
        while since.elapsed() < within {
            if probe.balance().await?.status == StatusCode::UNAUTHORIZED {
                return Ok(Some(since.elapsed()));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(None)
    }

    /// Who is signed in stays so, what was revoked stays revoked, and what one
    /// bank revokes meanwhile is known to all afterwards.
    async fn without_redis(&mut self) -> Outcome {
        let (mut kept, mut device) = (self.device().await?, self.device().await?);
        let before = device.copy();
        device.sign_out().await?;
        for bank in 0..BANKS {
            let refused = self.refused_by(&before, bank, LIMIT, Instant::now()).await?;
            self.expect(refused.is_some(), "refused before the outage");
        }
        println!("Redis goes away");
        self.machines.stop_redis().await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let mut device = self.device().await?;
        let meanwhile = device.copy();
        device.ask(self.machines.bank(0));
        device.sign_out().await?;
        for bank in 0..BANKS {
            kept.ask(self.machines.bank(bank));
            let alive = kept.balance().await?.status == StatusCode::OK;
            self.expect(alive, "who is signed in stays so without Redis");
            let refused = self.refused_by(&before, bank, LIMIT, Instant::now()).await?;
            self.expect(refused.is_some(), "what was revoked stays so without Redis");
        }
        let known = self.refused_by(&meanwhile, 0, LIMIT, Instant::now()).await?;
        self.expect(known.is_some(), "the bank that revoked it refuses it without Redis");
        self.marked_routes(&kept, StatusCode::SERVICE_UNAVAILABLE).await?;
        self.machines.start_redis().await?;
        println!("Redis is back");
        let begun = Instant::now();
        for bank in 0..BANKS {
            let within = Duration::from_secs(10);
            let refused = self.refused_by(&meanwhile, bank, within, begun).await?;
            self.expect(refused.is_some(), "all know it when Redis is back");
        }
        println!(
            "all banks know what one had revoked, {:.1} s later",
            begun.elapsed().as_secs_f64()
        );
        self.marked_routes(&kept, StatusCode::OK).await
    }

    /// The route that asks for a list of the last 5 seconds comes to answer so
    /// on every bank, and one that does not ask goes on.
    async fn marked_routes(&mut self, device: &Client, status: StatusCode) -> Outcome {
        let begun = Instant::now();
        for bank in 0..BANKS {
            let mut device = device.copy();
            device.ask(self.machines.bank(bank));
            let mut answers = device.ask_for_link().await?.status == status;
            while !answers && begun.elapsed() < Duration::from_secs(15) {
                tokio::time::sleep(Duration::from_millis(50)).await;
                answers = device.ask_for_link().await?.status == status;
            }
            self.expect(answers, &format!("the marked route comes to answer {status}"));
            let alive = device.balance().await?.status == StatusCode::OK;
            self.expect(alive, "other routes go on");
        }
        println!(
            "the route that asks for a current list answers {status} on every bank, {:.1} s later",
            begun.elapsed().as_secs_f64()
        );
        Ok(())
    }

    /// Two banks are given one link at the same instant: one of them signs in.
    async fn links(&mut self) -> Outcome {
        let mut maker = Client::new(Kind::Phone, self.machines.front, 0);
        maker.sign_in().await?;
        let mut once = 0;
        for _ in 0..LINKS {
            let link = maker.link().await?;
            let (mut a, mut b) = (
                Client::new(Kind::Phone, self.machines.bank(0), 0),
                Client::new(Kind::Phone, self.machines.bank(1), 0),
            );
            let (a, b) = tokio::join!(a.follow(&link), b.follow(&link));
            let successes = [a?.status, b?.status].iter().filter(|s| **s == StatusCode::OK).count();
            once += usize::from(successes == 1);
        }
        println!("links used twice at once at two banks: {once} of {LINKS} signed in exactly once");
        self.expect(once == LINKS, "a link signs in once");
        Ok(())
    }

    fn report(&mut self, what: &str, delays: &mut [Duration]) {
        delays.sort_unstable();
        let part = |part: f64| {
            let at = delays.len().saturating_sub(1) as f64 * part;
            delays.get(at as usize).copied().unwrap_or_default().as_secs_f64() * 1000.0
        };
        println!(
            "{what}: {} sign-outs, refused by all after: half {:.1} ms, 99 % {:.1} ms, slowest {:.1} ms",
            delays.len() / BANKS,
            part(0.5),
            part(0.99),
            part(1.0)
        );
        self.expect(delays.last().is_some_and(|slowest| *slowest <= LIMIT), "a second at most");
    }

    fn expect(&mut self, is_so: bool, what: &str) {
        if !is_so && !self.failures.iter().any(|failure| failure == what) {
            self.failures.push(what.to_owned());
        }
    }
}
