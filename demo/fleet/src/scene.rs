//! A fleet at which devices sign in and are signed out. Every bank is then asked whether it still
//! accepts the devices.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hyper::StatusCode;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Outcome;
use crate::client::{Client, Kind};
use crate::load::{Load, Word};
use crate::machines::{BANKS, Machines};
use crate::tally::Tally;

/// How soon every bank must refuse a session that was signed out.
pub(crate) const LIMIT: Duration = Duration::from_secs(1);

/// A running fleet with busy clients, and what went wrong so far.
pub(crate) struct Scene {
    pub(crate) machines: Machines,
    /// Stops the busy clients.
    tell: watch::Sender<Word>,
    tally: Arc<Tally>,
    busy: Vec<JoinHandle<()>>,
    number: usize,
    failures: Vec<String>,
}

impl Scene {
    /// Starts the fleet, and clients that send requests as fast as they can. They sign in as alan,
    /// because the scenarios end the sessions of ada.
    pub(crate) async fn start(clients: usize) -> Outcome<Scene> {
        let machines = Machines::start().await?;
        let (tell, word) = watch::channel(Word::default());
        let tally = Arc::new(Tally::new(clients));
        let load = Load { tally: Arc::clone(&tally), word, bank: machines.front };
        let busy = (0..clients).map(|number| load.busy_as_nobody_else(number)).collect();
        Ok(Scene { machines, tell, tally, busy, number: 0, failures: Vec::new() })
    }

    /// The number of requests that the busy clients have sent.
    pub(crate) fn requests(&self) -> u64 {
        self.tally.requests.load(Ordering::Relaxed)
    }

    /// Stops the fleet, prints the failures, and returns whether there were none.
    pub(crate) async fn stop(mut self) -> Outcome<bool> {
        self.tell.send_modify(|word| word.stop = true);
        for client in std::mem::take(&mut self.busy) {
            client.await?;
        }
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (lost, errors) = (count(&self.tally.lost), count(&self.tally.errors));
        println!("{} other requests: {lost} sessions lost, {errors} failed", self.requests());
        for problem in self.tally.problems().iter().take(10) {
            println!("{problem}");
        }
        self.expect(lost == 0, &format!("no other session is lost ({lost} lost)"));
        self.expect(errors == 0, &format!("no request fails ({errors} failed)"));
        self.machines.stop().await?;
        for failure in &self.failures {
            println!("FAILED: {failure}");
        }
        Ok(self.failures.is_empty())
    }

    /// Signs in with two devices, lets one end the session of the other, and measures how
    /// long each bank still accepts the other one.
    pub(crate) async fn end_others(&mut self) -> Outcome<Vec<Duration>> {
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
    pub(crate) async fn sign_out(&mut self) -> Outcome<Vec<Duration>> {
        let mut device = self.device().await?;
        let copy = device.copy();
        device.sign_out().await?;
        self.refused_by_all(&copy, Instant::now()).await
    }

    /// Returns a device that is signed in as ada.
    pub(crate) async fn device(&mut self) -> Outcome<Client> {
        self.number += 1;
        let kind = if self.number.is_multiple_of(2) { Kind::Browser } else { Kind::Phone };
        let mut device = Client::new(kind, self.machines.front, 0); // ada
        device.sign_in().await?;
        let alive = device.balance().await?.status == StatusCode::OK;
        self.expect(alive, "a device is signed in after it signs in");
        Ok(device)
    }

    pub(crate) async fn refused_by_all(
        &self,
        device: &Client,
        since: Instant,
    ) -> Outcome<Vec<Duration>> {
        let mut delays = Vec::new();
        for bank in 0..BANKS {
            let refused = self.refused_by(device, bank, LIMIT * 3, since).await?;
            delays.push(refused.unwrap_or(LIMIT * 3));
        }
        Ok(delays)
    }

    /// Returns how long it took until the bank refused the device's tokens, or `None` if it
    /// took longer than `within`.
    pub(crate) async fn refused_by(
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

    pub(crate) fn report(&mut self, what: &str, delays: &mut [Duration]) {
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

    pub(crate) fn expect(&mut self, is_so: bool, what: &str) {
        if !is_so && !self.failures.iter().any(|failure| failure == what) {
            self.failures.push(what.to_owned());
        }
    }
}
