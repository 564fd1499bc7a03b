//! Signs out other devices and measures how fast all banks refuse them.
//!
//! Every bank must refuse these devices within one second. Requests must not cause commands to
//! Redis, and the banks must keep working while Redis is stopped.

use std::time::{Duration, Instant};

use hyper::StatusCode;

use crate::Outcome;
use crate::client::{Client, Kind};
use crate::machines::BANKS;
use crate::scene::{LIMIT, Scene};

/// How many links are used at two banks at the same time.
const LINKS: usize = 1000;

pub(crate) async fn run(seconds: Duration, clients: usize) -> Outcome<bool> {
    let mut scene = Scene::start(clients).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let commands = scene.machines.redis_commands().await?;
    let requests = scene.requests();
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
    let requests = scene.requests() - requests;
    scene.report("other devices", &mut others);
    scene.report("duplicates of a session that signs out", &mut copies);
    println!("Redis: {commands} commands for {requests} requests and {rounds} sign-outs");
    // Each sign-out is a transaction of three commands, each bank sends a heartbeat every
    // second, and this program sends commands as well.
    let allowed = rounds as u64 * 6 + (begun.elapsed().as_secs() + 1) * 12;
    scene.expect(commands <= allowed, &format!("Redis runs at most {allowed} commands"));

    scene.without_redis().await?;
    scene.links().await?;
    scene.stop().await
}

impl Scene {
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
}
