//! A tab of the browser. The steps use it as a customer would, and read what it shows.

use std::cell::Cell;
use std::rc::Rc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Outcome;
use crate::devtools::Devtools;

/// How long a page may take. This time is long because the machine may be busy with a build.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Page {
    devtools: Rc<Devtools>,
    session: String,
    left: Cell<u32>,
}

pub(crate) enum Network {
    Up,
    Down,
}

impl Page {
    pub(crate) fn of(devtools: Rc<Devtools>, session: String) -> Outcome<Page> {
        let page = Page { devtools, session, left: Cell::new(0) };
        page.call("Network.enable", &json!({}))?;
        Ok(page)
    }

    pub(crate) fn go(&self, url: &str) -> Outcome {
        self.leave(|| self.call("Page.navigate", &json!({ "url": url })))
    }

    pub(crate) fn reload(&self) -> Outcome {
        self.leave(|| self.call("Page.reload", &json!({})))
    }

    /// Presses the browser's Back button.
    pub(crate) fn back(&self) -> Outcome {
        let history = self.call("Page.getNavigationHistory", &json!({}))?;
        let at = history["currentIndex"].as_u64().and_then(|at| usize::try_from(at).ok());
        let before = at.and_then(|at| at.checked_sub(1)).ok_or("nothing to go back to")?;
        let entry = json!({ "entryId": history["entries"][before]["id"] });
        self.leave(|| self.call("Page.navigateToHistoryEntry", &entry))
    }

    /// Presses a button or a link that leads to another page.
    pub(crate) fn press(&self, selector: &str) -> Outcome {
        self.leave(|| self.click(selector))
    }

    pub(crate) fn type_into(&self, selector: &str, text: &str) -> Outcome {
        self.click(selector)?;
        self.call("Input.insertText", &json!({ "text": text })).map(drop)
    }

    /// Clicks with the mouse. An element that is not visible cannot be clicked in this way.
    pub(crate) fn click(&self, selector: &str) -> Outcome<Value> {
        self.call("Page.bringToFront", &json!({}))?;
        let find = format!(
            "(() => {{
                const element = document.querySelector({selector:?});
                if (!element) return null;
                element.scrollIntoView({{ block: 'center', behavior: 'instant' }});
                const box = element.getBoundingClientRect();
                const at = {{ x: box.x + box.width / 2, y: box.y + box.height / 2 }};
                return element.contains(document.elementFromPoint(at.x, at.y)) ? at : null;
            }})()"
        );
        let at = self.run(&find)?;
        if at.is_null() {
            return Err(format!("no {selector} to click on:\n{}", self.text()?).into());
        }
        let mut mouse = json!({ "x": at["x"], "y": at["y"], "button": "left", "clickCount": 1 });
        mouse["type"] = "mousePressed".into();
        self.call("Input.dispatchMouseEvent", &mouse)?;
        mouse["type"] = "mouseReleased".into();
        self.call("Input.dispatchMouseEvent", &mouse)
    }

    /// Runs an action and waits for the page that it leads to.
    fn leave(&self, act: impl FnOnce() -> Outcome<Value>) -> Outcome {
        let number = self.left.get() + 1;
        self.left.set(number);
        self.run(&format!("window.left = {number}"))?;
        act()?;
        let there = format!("document.readyState === 'complete' && window.left !== {number}");
        // While the next page loads, the tab may have no page, so the script may fail.
        self.wait(|| self.run(&there).is_ok_and(|is_so| is_so == true))
            .map_err(|error| format!("no other page was loaded: {error}").into())
    }

    /// Waits until the condition is true. Fails after `PATIENCE`.
    pub(crate) fn wait(&self, is_so: impl Fn() -> bool) -> Outcome {
        let began = Instant::now();
        while !is_so() {
            if began.elapsed() > PATIENCE {
                return Err(format!(
                    "the condition was not true within {PATIENCE:?}, on this page:\n{}",
                    self.text()?
                )
                .into());
            }
            sleep(Duration::from_millis(20));
            self.devtools.listen()?;
        }
        Ok(())
    }

    /// Runs a script in the page and returns its result.
    pub(crate) fn run(&self, script: &str) -> Outcome<Value> {
        let script = json!({ "expression": script, "returnByValue": true, "awaitPromise": true });
        let answer = self.call("Runtime.evaluate", &script)?;
        match &answer["exceptionDetails"] {
            Value::Null => Ok(answer["result"]["value"].clone()),
            thrown => Err(format!("a script failed: {thrown}").into()),
        }
    }

    /// Returns the visible text of the page.
    pub(crate) fn text(&self) -> Outcome<String> {
        let text = self.run("document.body.innerText")?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Returns the status of the page's response.
    pub(crate) fn status(&self) -> Outcome<Value> {
        self.run("performance.getEntriesByType('navigation')[0].responseStatus")
    }

    /// Returns the cookie with this name that the page would send to its own server, with the
    /// attributes that scripts cannot see. Fails unless there is exactly one such cookie.
    pub(crate) fn cookie(&self, name: &str) -> Outcome<Value> {
        let all = self.call("Network.getCookies", &json!({}))?;
        let all = all["cookies"].as_array().ok_or("a list of cookies")?;
        let found: Vec<_> = all.iter().filter(|cookie| cookie["name"] == name).collect();
        match found[..] {
            [cookie] => Ok(cookie.clone()),
            _ => Err(format!("expected one cookie {name} among {all:?}").into()),
        }
    }

    pub(crate) fn network(&self, network: &Network) -> Outcome {
        let conditions = json!({
            "offline": matches!(network, Network::Down),
            "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1,
        });
        self.call("Network.emulateNetworkConditions", &conditions).map(drop)
    }

    pub(crate) fn call(&self, method: &str, params: &Value) -> Outcome<Value> {
        self.devtools.call(Some(&self.session), method, params)
    }

    /// Returns the events of this name that the browser has reported for this tab.
    pub(crate) fn events(&self, name: &str) -> Vec<Value> {
        self.devtools.events(&self.session, name)
    }
}
