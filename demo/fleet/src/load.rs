//! The clients: some send requests as fast as they can, some sign in and then stay idle.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bulla::keys::KeyId;
use hyper::StatusCode;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::client::{Answer, Client, Kind};
use crate::tally::Tally;

/// Clients sign in again after this time, because a transfer needs a sign-in within 5 minutes.
const SIGN_IN_AGAIN: Duration = Duration::from_secs(240);

/// One in this many requests changes the session.
const TRANSFER_EVERY: u64 = 20;

/// What the scenario tells the clients.
#[derive(Clone, Copy, Default)]
pub(crate) struct Word {
    pub(crate) stop: bool,
    /// The sleepers use their sessions again.
    pub(crate) wake: bool,
    /// Sessions whose newest token is under this key have ended.
    pub(crate) revoked: Option<KeyId>,
}

pub(crate) struct Load {
    pub(crate) tally: Arc<Tally>,
    pub(crate) word: watch::Receiver<Word>,
    pub(crate) bank: SocketAddr,
}

impl Load {
    /// Starts a client that sends requests as fast as it can.
    pub(crate) fn busy(&self, number: usize) -> JoinHandle<()> {
        busy(self.run(number))
    }

    /// Starts such a client that signs in as alan, because the scenario signs out devices of ada.
    pub(crate) fn busy_as_nobody_else(&self, number: usize) -> JoinHandle<()> {
        let mut run = self.run(number);
        run.client = Client::new(run.client.kind, self.bank, 1); // alan
        busy(run)
    }

    /// Starts a client that signs in now, stays idle, and sends one request when it is woken.
    pub(crate) fn sleeper(&self, number: usize) -> JoinHandle<()> {
        let mut run = self.run(number);
        tokio::spawn(async move {
            run.sign_in().await;
            // Waiting cannot fail, because the sender exists until the end of the run.
            let _ = run.word.wait_for(|word| word.wake || word.stop).await;
            run.ask(false).await;
        })
    }

    fn run(&self, number: usize) -> Run {
        let kind = if number.is_multiple_of(2) { Kind::Browser } else { Kind::Phone };
        Run {
            number,
            client: Client::new(kind, self.bank, number),
            tally: Arc::clone(&self.tally),
            word: self.word.clone(),
        }
    }
}

fn busy(mut run: Run) -> JoinHandle<()> {
    tokio::spawn(async move {
        while !run.word.borrow().stop {
            let begun = Instant::now();
            run.sign_in().await;
            let mut count = 0;
            while begun.elapsed() < SIGN_IN_AGAIN && !run.word.borrow().stop {
                count += 1;
                if !run.ask(count % TRANSFER_EVERY == 0).await {
                    break;
                }
            }
        }
    })
}

struct Run {
    number: usize,
    client: Client,
    tally: Arc<Tally>,
    word: watch::Receiver<Word>,
}

impl Run {
    async fn sign_in(&mut self) {
        let answer = self.client.sign_in().await;
        if self.count(answer).is_some_and(|status| !status.is_client_error()) {
            self.tally.sessions.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Sends one request in the session. Returns whether the session still exists.
    async fn ask(&mut self, transfer: bool) -> bool {
        let key = self.client.key();
        let revoked = self.word.borrow().revoked;
        let answer =
            if transfer { self.client.transfer().await } else { self.client.balance().await };
        let refused = self.count(answer) == Some(StatusCode::UNAUTHORIZED);
        if refused {
            // The client still has the token, but no bank can open it.
            self.tally.set_key(self.number, None);
        }
        let ended = revoked.is_some() && key == revoked;
        match (refused, ended) {
            (true, true) => {
                self.tally.revoked.fetch_add(1, Ordering::Relaxed);
            }
            (true, false) => {
                let key = key.map_or("no key".to_owned(), |key| key.to_string());
                self.tally.lose(format!("client {} lost its session under {key}", self.number));
            }
            (false, true) => {
                self.tally
                    .fail(format!("client {} still has a session that was revoked", self.number));
            }
            (false, false) => {}
        }
        !refused
    }

    fn count(&mut self, answer: crate::Outcome<Answer>) -> Option<StatusCode> {
        self.tally.requests.fetch_add(1, Ordering::Relaxed);
        self.tally.set_key(self.number, self.client.key());
        match answer {
            Ok(answer) => {
                self.tally.tokens.fetch_add(answer.tokens as u64, Ordering::Relaxed);
                if answer.status.is_server_error() {
                    self.tally.fail(format!("client {}: {}", self.number, answer.status));
                }
                Some(answer.status)
            }
            Err(error) => {
                self.tally.fail(format!("client {}: {error}", self.number));
                None
            }
        }
    }
}
