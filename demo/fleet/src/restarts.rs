//! Restarts a bank between every two sign-outs.
//!
//! A bank that restarts has only the revocations that Redis stores. It must still refuse every
//! session that was signed out, and accept the session that signed out the others.

use std::time::{Duration, Instant};

use hyper::StatusCode;

use crate::Outcome;
use crate::client::Client;
use crate::machines::BANKS;
use crate::scene::{LIMIT, Scene};

pub(crate) async fn run(seconds: Duration, clients: usize) -> Outcome<bool> {
    let mut scene = Scene::start(clients).await?;
    let begun = Instant::now();
    let mut ended: Vec<Client> = Vec::new();
    let (mut restarts, mut accepted, mut lost) = (0, 0, 0);
    while begun.elapsed() < seconds || restarts < 2 * BANKS {
        let (mut here, there) = (scene.device().await?, scene.device().await?);
        if restarts % 2 == 0 {
            here.end_others().await?;
            ended.push(there);
        } else {
            let mut device = there;
            ended.push(device.copy());
            device.sign_out().await?;
        }
        tokio::time::sleep(LIMIT).await;
        scene.machines.restart_bank(restarts % BANKS).await?;
        restarts += 1;
        for bank in 0..BANKS {
            here.ask(scene.machines.bank(bank));
            lost += usize::from(here.balance().await?.status != StatusCode::OK);
            for device in &ended {
                let mut probe = device.copy();
                probe.ask(scene.machines.bank(bank));
                accepted += usize::from(probe.balance().await?.status == StatusCode::OK);
            }
        }
    }
    println!(
        "{restarts} restarts, {} signed-out sessions probed at every bank after each: {accepted} \
         accepted, {lost} sessions of remaining devices refused",
        ended.len()
    );
    scene.expect(accepted == 0, "a bank that restarted refuses every signed-out session");
    scene.expect(lost == 0, "a device that was not signed out stays signed in");
    scene.stop().await
}
