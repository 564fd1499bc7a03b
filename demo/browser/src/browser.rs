//! Chromium, and its windows, which share no data.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::rc::Rc;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Outcome;
use crate::devtools::Devtools;
use crate::page::Page;
use crate::program::Program;

pub(crate) struct Chromium {
    devtools: Rc<Devtools>,
    // The fields are dropped in this order, because the program uses the profile until it ends.
    _program: Program,
    _profile: TempDir,
}

/// A window that has its own cookies, cache and history.
pub(crate) struct Window {
    devtools: Rc<Devtools>,
    context: Value,
}

/// What a browser has besides its defaults.
#[derive(Default)]
pub(crate) struct Extras<'a> {
    /// The home directory, with the certificates that the browser trusts.
    pub(crate) home: Option<&'a Path>,
    /// The entries of chrome://flags that are on.
    pub(crate) experiments: &'a [&'a str],
}

const FLAGS: [&str; 8] = [
    "--headless",
    "--remote-debugging-port=0",
    "--no-first-run",
    // Prevents requests to Google's servers.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    // Containers have a small /dev/shm.
    "--disable-dev-shm-usage",
    // Hosts over plain HTTP that the browser does not trust, in contrast to localhost.
    "--host-resolver-rules=MAP *.test 127.0.0.1",
];

/// Lets other sites send cookies that have `SameSite=None`. By default, a window with data of its own
/// does not, because it is a private window.
const PREFERENCES: &str = r#"{ "profile": { "cookie_controls_mode": 0 } }"#;

impl Chromium {
    pub(crate) fn start(program: &Path, extras: &Extras) -> Outcome<Chromium> {
        let profile = TempDir::new()?;
        fs::create_dir(profile.path().join("Default"))?;
        fs::write(profile.path().join("Default/Preferences"), PREFERENCES)?;
        let state = json!({ "browser": { "enabled_labs_experiments": extras.experiments } });
        fs::write(profile.path().join("Local State"), state.to_string())?;
        let dir = profile.path().display();
        // Chromium leaves a directory in TMPDIR, so TMPDIR is a directory that is removed.
        let mut command = vec!["env".to_owned(), format!("TMPDIR={dir}")];
        command.extend(extras.home.map(|home| format!("HOME={}", home.display())));
        command.extend([program.display().to_string(), format!("--user-data-dir={dir}")]);
        command.extend(FLAGS.map(str::to_owned));
        // Chromium's sandbox refuses to run as root. In containers, the user is often root.
        if fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0) {
            command.push("--no-sandbox".to_owned());
        }
        let (program, address) = Program::start(&command, "DevTools listening on ")?;
        let devtools = Rc::new(Devtools::connect(address.trim())?);
        Ok(Chromium { devtools, _program: program, _profile: profile })
    }

    pub(crate) fn version(&self) -> Outcome<String> {
        let version = self.devtools.call(None, "Browser.getVersion", &json!({}))?;
        Ok(version["product"].as_str().unwrap_or_default().to_owned())
    }

    pub(crate) fn window(&self) -> Outcome<Window> {
        let made = self.devtools.call(None, "Target.createBrowserContext", &json!({}))?;
        let context = made["browserContextId"].clone();
        Ok(Window { devtools: Rc::clone(&self.devtools), context })
    }
}

/// Asks Chromium to end, so that its child processes end as well.
impl Drop for Chromium {
    fn drop(&mut self) {
        self.devtools.call(None, "Browser.close", &json!({})).ok();
    }
}

impl Window {
    pub(crate) fn tab(&self) -> Outcome<Page> {
        let blank = json!({ "url": "about:blank", "browserContextId": self.context });
        let made = self.devtools.call(None, "Target.createTarget", &blank)?;
        let target = json!({ "targetId": made["targetId"], "flatten": true });
        let attached = self.devtools.call(None, "Target.attachToTarget", &target)?;
        let session = attached["sessionId"].as_str().ok_or("a tab has a session")?;
        Page::of(Rc::clone(&self.devtools), session.to_owned())
    }

    /// Returns the names of all cookies of the window, for all sites.
    pub(crate) fn cookie_names(&self) -> Outcome<Vec<String>> {
        let context = json!({ "browserContextId": self.context });
        let kept = self.devtools.call(None, "Storage.getCookies", &context)?;
        let kept = kept["cookies"].as_array().ok_or("a list of cookies")?;
        Ok(kept.iter().map(|one| one["name"].as_str().unwrap_or_default().to_owned()).collect())
    }
}

/// Closes the window's tabs. If that fails, they are closed with the browser.
impl Drop for Window {
    fn drop(&mut self) {
        let context = json!({ "browserContextId": self.context });
        self.devtools.call(None, "Target.disposeBrowserContext", &context).ok();
    }
}
