//! A thief who has copied cookies of a browser to another program, curl.

use std::fs;
use std::process::Command;

use tempfile::NamedTempFile;

use crate::Outcome;
use crate::bank::HOST;
use crate::https::Front;
use crate::page::Page;

pub(crate) struct Thief {
    /// The cookies, in the format of curl.
    jar: NamedTempFile,
}

impl Thief {
    /// Copies the cookies that `page` would send to the bank and whose names `wanted` accepts.
    pub(crate) fn copy(
        page: &Page,
        front: &Front,
        wanted: impl Fn(&str) -> bool,
    ) -> Outcome<Thief> {
        let urls = serde_json::json!({ "urls": [front.url("/")] });
        let kept = page.call("Network.getCookies", &urls)?;
        let kept = kept["cookies"].as_array().ok_or("a list of cookies")?;
        let lines = kept.iter().filter_map(|cookie| {
            let (name, value) = (cookie["name"].as_str()?, cookie["value"].as_str()?);
            wanted(name).then(|| format!("{HOST}\tFALSE\t/\tTRUE\t0\t{name}\t{value}\n"))
        });
        let jar = NamedTempFile::new()?;
        fs::write(&jar, lines.collect::<String>())?;
        Ok(Thief { jar })
    }

    /// Opens a page of the bank, follows redirects and stores cookies as a browser would. Returns
    /// the status of the last response.
    pub(crate) fn open(&self, front: &Front, path: &str) -> Outcome<u16> {
        let jar = self.jar.path();
        let curl = Command::new("curl")
            .args(["--silent", "--location", "--max-redirs", "5", "--output", "/dev/null"])
            .args(["--write-out", "%{http_code}", "--cacert", &front.certificate()])
            .args(["--resolve", &format!("*:{}:127.0.0.1", front.port())])
            .arg("--cookie")
            .arg(jar)
            .arg("--cookie-jar")
            .arg(jar)
            .arg(front.url(path))
            .output()?;
        if !curl.status.success() {
            return Err(format!("curl: {}", curl.status).into());
        }
        Ok(String::from_utf8(curl.stdout)?.trim().parse()?)
    }
}
