//! Signs out other devices and measures how fast all banks refuse them.
//!
//! Every bank must refuse them within one second. Requests must not cause commands to Redis,
//! and the banks must keep working while Redis is stopped.

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

/// How soon every bank must refuse a session that was signed out.
const LIMIT: Duration = Duration::from_secs(1);

/// How many links are used at two banks at the same time.
const LINKS: usize = 1000;

pub(crate) async fn run(seconds: Duration, clients: usize) -> Outcome<bool> {
    let machines = Machines::start().await?;
    let (tell, word) = watch::channel(Word::default());
    let tally = Arc::new(Tally::new(clients));
    let load = Load { tally: Arc::clone(&tally), word, bank: machines.front };
    let mut scene = Scene { machines, number: 0, failures: Vec::new() };

    // The load signs in as alan, because the sessions of ada are ended below.
    let busy: Vec<_> = (0..clients).map(|number| load.busy_as_nobody_else(number)).collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let commands = scene.machines.redis_commands().await?;
    let requests = tally.requests.load(Ordering::Relaxed);
    let begun = Instant::now();
    let (mut others, mut copies) = (Vec::new(), Vec::new());
    while begun.elapsed() < seconds.mul_f64(0.6) {
        others.extend(scene.end_others().await?);
        // Sessions of one subject can end the others only once in a second.
        let next = Instant::now() + Duration::from_millis(1100);
        while Instant::now() < next {
            copies.extend(scene.sign_out().await?);
        }
    }
    let rounds = (others.len() + copies.len()) / BANKS;
    let commands = scene.machines.redis_commands().await? - commands;
    let requests = tally.requests.load(Ordering::Relaxed) - requests;
    scene.report("other devices", &mut others);
    scene.report("duplicates of a session that signs out", &mut copies);
    println!("Redis: {commands} commands for {requests} requests and {rounds} sign-outs");
    // Each sign-out is a transaction of three commands, each bank sends a heartbeat every
    // second, and this program sends commands as well.
    let allowed = rounds as u64 * 6 + (begun.elapsed().as_secs() + 1) * 12;
    scene.expect(commands <= allowed, &format!("Redis runs at most {allowed} commands"));

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
    scene.expect(lost == 0, &format!("no other session is lost ({lost} lost)"));
    scene.expect(errors == 0, &format!("no request fails ({errors} failed)"));
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
    /// Signs in with two devices, lets one end the session of the other, and measures how
    /// long each bank still accepts the other one.
    async fn end_others(&mut self) -> Outcome<Vec<Duration>> {
        let (mut here, there) = (self.device().await?, self.device().await?);
        here.end_others().await?;
        let delays = self.refused_by_all(&there, Instant::now()).await?;
        for bank in 0..BANKS {
            here.ask(self.machines.bank(bank));
            let alive = here.balance().await?.status == StatusCode::OK;
            self.expect(alive, "the device that ended the others stays signed in");
        }
        Ok(delays)
    }

    /// Signs a device out, and measures how long each bank still accepts a duplicate of its
    /// tokens.
    async fn sign_out(&mut self) -> Outcome<Vec<Duration>> {
        let mut device = self.device().await?;
        let copy = device.copy();
        device.sign_out().await?;
        self.refused_by_all(&copy, Instant::now()).await
    }

    /// Returns a device that is signed in as ada.
    async fn device(&mut self) -> Outcome<Client> {
        self.number += 1;
        let kind = if self.number.is_multiple_of(2) { Kind::Browser } else { Kind::Phone };
        let mut device = Client::new(kind, self.machines.front, 0); // ada
        device.sign_in().await?;
        let alive = device.balance().await?.status == StatusCode::OK;
        self.expect(alive, "a device is signed in after it signs in");
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

    /// Returns how long it took until the bank refused the device's tokens, or `None` if it
    /// took longer than `within`.
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

    /// Stops Redis for a while. Users stay signed in, and revoked sessions stay revoked. A
    /// revocation that one bank makes meanwhile reaches the others when Redis runs again.
    async fn without_redis(&mut self) -> Outcome {
        let (mut kept, mut device) = (self.device().await?, self.device().await?);
        let before = device.copy();
        device.sign_out().await?;
        for bank in 0..BANKS {
            let refused = self.refused_by(&before, bank, LIMIT, Instant::now()).await?;
            self.expect(
                refused.is_some(),
                "a session that signed out is refused before Redis stops",
            );
        }
        println!("Redis stops");
        self.machines.stop_redis().await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let mut device = self.device().await?;
        let meanwhile = device.copy();
        device.ask(self.machines.bank(0));
        device.sign_out().await?;
        for bank in 0..BANKS {
            kept.ask(self.machines.bank(bank));
            let alive = kept.balance().await?.status == StatusCode::OK;
            self.expect(alive, "a device stays signed in without Redis");
            let refused = self.refused_by(&before, bank, LIMIT, Instant::now()).await?;
            self.expect(refused.is_some(), "a revoked session stays revoked without Redis");
        }
        let known = self.refused_by(&meanwhile, 0, LIMIT, Instant::now()).await?;
        self.expect(known.is_some(), "the bank that revoked a session refuses it without Redis");
        self.marked_routes(&kept, StatusCode::SERVICE_UNAVAILABLE).await?;
        self.machines.start_redis().await?;
        println!("Redis runs again");
        let begun = Instant::now();
        for bank in 0..BANKS {
            let within = Duration::from_secs(10);
            let refused = self.refused_by(&meanwhile, bank, within, begun).await?;
            self.expect(
                refused.is_some(),
                "every bank learns of the revocation when Redis runs again",
            );
        }
        println!(
            "every bank refuses the session that one bank had revoked, after {:.1} s",
            begun.elapsed().as_secs_f64()
        );
        self.marked_routes(&kept, StatusCode::OK).await
    }

    /// Waits until every bank answers with `status` on the route for links, which needs a list
    /// of revocations of the last 5 seconds. A route without this condition must keep working.
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
            self.expect(answers, &format!("the route that needs a current list answers {status}"));
            let alive = device.balance().await?.status == StatusCode::OK;
            self.expect(alive, "other routes keep working");
        }
        println!(
            "the route that needs a current list answers {status} on every bank, after {:.1} s",
            begun.elapsed().as_secs_f64()
        );
        Ok(())
    }

    /// Uses each link at two banks at the same time. Exactly one of them must accept it.
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
        println!(
            "links used at two banks at the same time: {once} of {LINKS} signed in exactly once"
        );
        self.expect(once == LINKS, "a link signs in exactly once");
        Ok(())
    }

    fn report(&mut self, what: &str, delays: &mut [Duration]) {
        delays.sort_unstable();
        let part = |part: f64| {
            let at = delays.len().saturating_sub(1) as f64 * part;
            delays.get(at as usize).copied().unwrap_or_default().as_secs_f64() * 1000.0
        };
        println!(
            "{what}: {} sign-outs, refused by every bank after: median {:.1} ms, 99 % {:.1} ms, slowest {:.1} ms",
            delays.len() / BANKS,
            part(0.5),
            part(0.99),
            part(1.0)
        );
        self.expect(
            delays.last().is_some_and(|slowest| *slowest <= LIMIT),
            "every bank refuses the session within a second",
        );
    }

    fn expect(&mut self, is_so: bool, what: &str) {
        if !is_so && !self.failures.iter().any(|failure| failure == what) {
            self.failures.push(what.to_owned());
        }
    }
}
