//! The list of a customer's devices, used from one of two browsers.

use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use super::{World, asks_to_sign_in, expect, shows, sign_in};
use crate::Outcome;
use crate::page::Page;

pub(super) fn end(world: &World) -> Outcome {
    let bank = world.bank.open(&["--fresh", "1s"])?;
    let (laptop, phone) = (world.chromium.window()?, world.chromium.window()?);
    let (here, away) = (laptop.tab()?, phone.tab()?);
    sign_in(&here, &bank)?;
    sign_in(&away, &bank)?;
    // The time since the sign-in is in whole seconds, and 1 s still counts as fresh.
    sleep(Duration::from_millis(2100));

    here.go(&bank.url("/devices"))?;
    expect(rows(&here)?.len() == 2, || "expected two devices".to_owned())?;
    shows(&here, "Chrome on Linux this device")?;
    world.shots.take(&here, "7-devices")?;
    here.press("li:not(:has(.here)) button")?;
    shows(&here, "Confirm it is you")?;
    here.type_into("input[name=pin]", "1815")?;
    here.press("form[action='/devices/end'] button")?;
    // Entering the PIN has given this session a new id, and it is still this device.
    let left = rows(&here)?;
    expect(left.len() == 1 && left[0].contains("this device"), || {
        format!("expected only this device: {left:?}")
    })?;

    away.reload()?;
    asks_to_sign_in(&away)?;
    let kept = phone.cookie_names()?;
    expect(kept.is_empty(), || format!("expected no cookies: {kept:?}"))?;
    here.reload()?;
    shows(&here, "this device")
}

/// The text of each device in the list.
fn rows(page: &Page) -> Outcome<Vec<String>> {
    let rows = page.run("[...document.querySelectorAll('li')].map(row => row.innerText)")?;
    let rows = rows.as_array().ok_or("a list of devices")?;
    Ok(rows.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}
