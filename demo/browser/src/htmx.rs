//! htmx, fetched from npm, as the application's pages load it.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::Outcome;

/// A release of htmx and the SHA-256 of its script.
pub(crate) struct Release(&'static str, &'static str);

/// htmx 1 and 2 send requests with `XMLHttpRequest`, and htmx 4 with `fetch`.
pub(crate) const RELEASES: [Release; 3] = [
    Release("1.9.12", "449317ade7881e949510db614991e195c3a099c4c791c24dacec55f9f4a2a452"),
    Release("2.0.11", "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"),
    Release("4.0.1", "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"),
];

const FETCH: &str = r#"
npm pack --silent "htmx.org@$1" >/dev/null
tar xzf htmx.org-*.tgz package/dist/htmx.min.js
echo "$2  package/dist/htmx.min.js" | sha256sum --quiet -c
"#;

impl Release {
    pub(crate) fn version(&self) -> &str {
        self.0
    }

    pub(crate) fn script(&self) -> Outcome<String> {
        let dir = TempDir::new()?;
        let fetch = Command::new("sh")
            .args(["-euc", FETCH, "fetch", self.0, self.1])
            .current_dir(&dir)
            .output()?;
        if !fetch.status.success() {
            let said = String::from_utf8_lossy(&fetch.stderr);
            return Err(format!("cannot fetch htmx {} from npm: {said}", self.0).into());
        }
        Ok(fs::read_to_string(dir.path().join("package/dist/htmx.min.js"))?)
    }
}
