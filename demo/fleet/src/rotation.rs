//! Publishes, promotes, retires and revokes keys, restarts a bank and stops Redis.
//!
//! Clients that keep sending requests must not lose their sessions. The revocation of a key
//! must end exactly the sessions that have only tokens of this key.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bulla::keys::KeyId;
use tokio::sync::watch;

use crate::Outcome;
use crate::load::{Load, Word};
use crate::machines::Machines;
use crate::plot;
use crate::tally::Tally;

/// The number of clients in each of the two groups that sign in under one key and stay idle.
const SLEEPERS: usize = 8;

pub(crate) async fn run(seconds: Duration, clients: usize, svg: &Path) -> Outcome<bool> {
    let machines = Machines::start().await?;
    let (tell, word) = watch::channel(Word::default());
    let tally = Arc::new(Tally::new(clients + 2 * SLEEPERS));
    let load = Load { tally: Arc::clone(&tally), word, bank: machines.front };
    let mut clients_at_work: Vec<_> = (0..clients).map(|number| load.busy(number)).collect();
    let table = tokio::spawn(table(Arc::clone(&tally), seconds));

    let mut stage = Stage { machines, tally: Arc::clone(&tally), seconds };
    clients_at_work.extend(play(&mut stage, &load, &tell, clients).await?);

    stage.until(1.0).await;
    tell.send_modify(|word| word.stop = true);
    for client in clients_at_work {
        client.await?;
    }
    table.await?;
    tally.with_samples(|samples| plot::draw(samples, &stage.seconds, svg))?;
    stage.report(svg).await
}

/// Runs the scenario. The times are fractions of the whole time.
async fn play(
    stage: &mut Stage,
    load: &Load,
    tell: &watch::Sender<Word>,
    clients: usize,
) -> Outcome<Vec<tokio::task::JoinHandle<()>>> {
    let spread = format!("{}s", (stage.seconds.as_secs() / 12).max(2));
    let publish = ["publish", "--spread", &spread, "--longest", "30m", "--skew", "1s"];
    let mut sleepers = Vec::new();

    stage.until(0.08).await;
    let first = stage.primary().await?;
    stage.say(&format!("publish: a new key opens tokens now and becomes primary in {spread}"));
    stage.machines.ring(&publish).await?;

    stage.until(0.25).await;
    stage.say("restart: one of the banks");
    stage.machines.restart_bank(1).await?;

    stage.until(0.35).await;
    let second = stage.primary().await?;
    stage.say("Redis stops");
    stage.machines.stop_redis().await?;
    stage.until(0.47).await;
    stage.machines.start_redis().await?;
    stage.say("Redis runs again");

    stage.until(0.50).await;
    stage.say(&format!("sleep: {SLEEPERS} clients sign in under {second} and stay idle"));
    sleepers.extend((0..SLEEPERS).map(|n| load.sleeper(clients + n)));

    stage.until(0.55).await;
    stage.say("publish: another new key, primary in an hour");
    let waiting = stage.machines.ring(&["publish", "--spread", "1h", "--longest", "30m"]).await?;
    let third = id(&waiting)?;
    stage.until(0.60).await;
    stage.say(&format!("promote: {third} becomes primary at once"));
    stage.machines.ring(&["promote", &third.to_string()]).await?;

    stage.until(0.68).await;
    stage.say(&format!("retire and prune: {first} no longer opens tokens"));
    stage.machines.ring(&["retire", &first.to_string()]).await?;
    tokio::time::sleep(Duration::from_millis(1100)).await; // times in the ring are whole seconds
    stage.machines.ring(&["prune"]).await?;

    stage.until(0.74).await;
    stage.say(&format!("sleep: {SLEEPERS} more clients sign in under {third} and stay idle"));
    sleepers.extend((0..SLEEPERS).map(|n| load.sleeper(clients + SLEEPERS + n)));

    stage.until(0.80).await;
    stage.say(&format!("revoke: {second}, the only key of the first group of idle clients"));
    stage.machines.ring(&["revoke", &second.to_string()]).await?;
    stage.until(0.84).await;
    tell.send_modify(|word| word.revoked = Some(second));
    stage.until(0.86).await;
    stage.say("wake: the idle clients use their sessions again");
    tell.send_modify(|word| word.wake = true);
    Ok(sleepers)
}

struct Stage {
    machines: Machines,
    tally: Arc<Tally>,
    seconds: Duration,
}

impl Stage {
    async fn until(&self, part: f64) {
        let rest = self.seconds.mul_f64(part).saturating_sub(self.tally.elapsed());
        tokio::time::sleep(rest).await;
    }

    fn say(&self, what: &str) {
        println!("{:>5.0}s {what}", self.tally.elapsed().as_secs_f64());
    }

    /// Returns the primary key that `bulla ring list` shows.
    async fn primary(&self) -> Outcome<KeyId> {
        let list = self.machines.ring(&["list"]).await?;
        let line = list.lines().find(|line| line.contains(" is primary;"));
        id(line.ok_or("`bulla ring list` shows no primary key")?)
    }

    async fn report(self, svg: &Path) -> Outcome<bool> {
        let tally = &self.tally;
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let (lost, errors) = (count(&tally.lost), count(&tally.errors));
        let revoked = count(&tally.revoked);
        println!();
        for problem in tally.problems().iter().take(20) {
            println!("{problem}");
        }
        let complaints = self.machines.complaints()?;
        for complaint in complaints.iter().take(10) {
            println!("  {complaint}");
        }
        println!("requests        {}", count(&tally.requests));
        println!("sessions        {}", count(&tally.sessions));
        println!("sessions lost   {lost}");
        println!("ended by revoke {revoked} of {SLEEPERS}");
        println!("tokens set      {}", count(&tally.tokens));
        println!("errors          {errors}");
        println!("plot            {}", svg.display());
        self.machines.stop().await?;
        Ok(lost == 0 && errors == 0 && revoked == SLEEPERS as u64)
    }
}

async fn table(tally: Arc<Tally>, seconds: Duration) {
    println!("{}", Tally::HEAD);
    let mut before = (Duration::ZERO, 0);
    let mut next = 0;
    while tally.elapsed() < seconds {
        tokio::time::sleep(Duration::from_millis(500)).await;
        tally.sample();
        if tally.elapsed().as_secs() >= next {
            println!("{}", tally.line(&mut before));
            next = tally.elapsed().as_secs() + 3;
        }
    }
}

/// Returns the first key id in a text.
fn id(text: &str) -> Outcome<KeyId> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let id = words.filter_map(|word| word.parse().ok()).next();
    id.ok_or_else(|| format!("no key id in: {text}").into())
}
