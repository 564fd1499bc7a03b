//! Screenshots of pages in the sizes of a desktop and of a phone.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use crate::Outcome;
use crate::page::Page;

/// Name, width, height, and how many pixels of the screen one pixel of the page takes.
const SCREENS: [(&str, u32, u32, u32); 2] = [("desktop", 1280, 800, 1), ("phone", 390, 844, 2)];

pub(crate) struct Shots {
    dir: PathBuf,
}

impl Shots {
    pub(crate) fn into(dir: &Path) -> Outcome<Shots> {
        fs::create_dir_all(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        Ok(Shots { dir: dir.to_owned() })
    }

    /// Takes a screenshot of the whole page on each screen. Fails if the page is wider than
    /// the screen.
    pub(crate) fn take(&self, page: &Page, name: &str) -> Outcome {
        for (screen, width, height, scale) in SCREENS {
            let (file, mobile) = (format!("{name}-{screen}.png"), screen == "phone");
            resize(page, width, height, scale, mobile)?;
            let wide = page.run("document.documentElement.scrollWidth")?.as_u64();
            if wide.is_none_or(|wide| wide > u64::from(width)) {
                return Err(format!(
                    "{file}: the page is {wide:?} pixels wide and needs {width} at most"
                )
                .into());
            }
            let long = page.run("document.documentElement.scrollHeight")?.as_u64().unwrap_or(0);
            resize(page, width, height.max(u32::try_from(long)?), scale, mobile)?;
            let shot = page.call("Page.captureScreenshot", &json!({ "format": "png" }))?;
            let png = BASE64_STANDARD.decode(shot["data"].as_str().unwrap_or_default())?;
            fs::write(self.dir.join(file), png)?;
        }
        page.call("Emulation.clearDeviceMetricsOverride", &json!({})).map(drop)
    }
}

fn resize(page: &Page, width: u32, height: u32, scale: u32, mobile: bool) -> Outcome {
    let metrics = json!({
        "width": width, "height": height, "deviceScaleFactor": scale, "mobile": mobile,
    });
    page.call("Emulation.setDeviceMetricsOverride", &metrics)?;
    // Waits more than two frames, until the page has a new layout.
    sleep(Duration::from_millis(100));
    Ok(())
}
