//! A headless Chromium, spoken to through a pipe: its debugging protocol, as far as these tests need it.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long it may think about a command, and how long a state may take to come: for a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where the page and its poll are, for whoever reads that a state did not come.
const WHEREABOUTS: &str = "JSON.stringify({
    url: location.href,
    width: innerWidth,
    state: typeof poll === 'undefined' ? null : poll.state,
    scrapes: typeof history.next === 'number' ? history.next : null,
    shown: typeof board === 'undefined' ? null : board.shown,
    gaps: typeof board === 'undefined' ? null : board.view.gaps,
    undrawn: typeof board === 'undefined' ? [] : board.cards()
        .filter((card) => !['drawn', 'zero'].includes(card.element.dataset.state) || (card.chart && !card.visible))
        .map((card) => `${card.panel.title} is ${card.element.dataset.state}`),
})";

/// Of its standard streams, in the folder of its profile.
const LOG: &str = "chromium.log";

/// A browser with one page. Killed when dropped.
pub(super) struct Chromium {
    child: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    last: u64,
    page: Option<String>,
    /// What it told without being asked.
    pub(super) events: Vec<Value>,
    profile: tempfile::TempDir,
}

impl Chromium {
    /// Starts the program that `CHORUS_CHROMIUM` names.
    pub(super) fn start() -> Self {
        let program = std::env::var_os("CHORUS_CHROMIUM").map(PathBuf::from);
        let program = program.expect("CHORUS_CHROMIUM names a Chromium: cargo xtask test --only page");
        let profile = tempfile::tempdir().expect("a folder for its profile");
        // It reads commands from descriptor 3 and answers at 4, which the shell makes of its standard streams.
        let mut child = Command::new("sh")
            .args(["-c", r#"log=$1; shift; exec "$@" 3<&0 4>&1 </dev/null >"$log" 2>&1"#, "sh"])
            .arg(profile.path().join(LOG))
            .arg(&program)
            .args([
                "--headless",
                "--remote-debugging-pipe",
                "--no-sandbox",
                "--disable-gpu",
                // Containers have little shared memory, which a window as high as the page does not fit into.
                "--disable-dev-shm-usage",
                "--hide-scrollbars",
            ])
            .args(["--no-first-run", "--disable-background-networking", "--disable-component-update"])
            .arg(option("--user-data-dir", profile.path()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let input = child.stdin.take().expect("it was asked for");
        let output = child.stdout.take().expect("it was asked for");
        let (send, messages) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(output).split(0) {
                let message = message.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
                let Some(message) = message else { return };
                if send.send(message).is_err() {
                    return;
                }
            }
        });
        let mut chromium = Self { child, input, messages, last: 0, page: None, events: Vec::new(), profile };
        let target = chromium.ask("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = chromium.ask("Target.attachToTarget", attach);
        chromium.page = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Network", "Log"] {
            chromium.ask(&format!("{domain}.enable"), json!({}));
        }
        chromium
    }

    /// Carries out a command of the protocol.
    pub(super) fn ask(&mut self, method: &str, parameters: Value) -> Value {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": parameters });
        if let Some(page) = &self.page {
            message["sessionId"] = json!(page);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.input.write_all(&bytes).expect("Chromium runs");
        let started = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(started.elapsed());
            let mut message = match self.messages.recv_timeout(left) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("Chromium does not answer {method}; it said: {}", self.last_words())
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("Chromium has ended before it answered {method}; it said: {}", self.last_words())
                }
            };
            if message["id"] == json!(self.last) {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].take();
            }
            self.events.push(message);
        }
    }

    /// The value of an expression on the page.
    pub(super) fn value(&mut self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.ask("Runtime.evaluate", parameters);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].take()
    }

    /// Waits until an expression is true.
    pub(super) fn wait_for(&mut self, expression: &str) {
        let started = Instant::now();
        while self.value(expression) != json!(true) {
            if started.elapsed() > PATIENCE {
                let (whereabouts, complaints) = (self.value(WHEREABOUTS), self.complaints());
                panic!(
                    "not within {PATIENCE:?}: {expression}\nthe page: {whereabouts}\nit complains: {complaints:?}"
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Does something again and again until an expression is true: to whom a place is shown, it may move before they are there.
    pub(super) fn until(&mut self, expression: &str, mut act: impl FnMut(&mut Self)) {
        let started = Instant::now();
        loop {
            act(self);
            for _ in 0..10 {
                if self.value(expression) == json!(true) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            assert!(started.elapsed() < PATIENCE, "not within {PATIENCE:?}: {expression}");
        }
    }

    /// What it wrote to its standard streams at last.
    fn last_words(&self) -> String {
        let text = std::fs::read(self.profile.path().join(LOG)).unwrap_or_default();
        String::from_utf8_lossy(&text[text.len().saturating_sub(4000)..]).into_owned()
    }

    /// Goes to an address and waits for the document.
    pub(super) fn open(&mut self, address: &str) {
        self.ask("Page.navigate", json!({ "url": address }));
        self.wait_for(&format!(
            "location.href.startsWith({address:?}) && document.readyState === 'complete'"
        ));
    }

    /// A window of that many pixels; of a phone, those of its style.
    pub(super) fn resize(&mut self, width: u32, height: u32, phone: bool) {
        let scale = if phone { 2 } else { 1 };
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": scale, "mobile": phone });
        self.ask("Emulation.setDeviceMetricsOverride", size);
    }

    /// What the user prefers, as `("prefers-color-scheme", "dark")`.
    pub(super) fn prefer(&mut self, features: &[(&str, &str)]) {
        let features: Vec<Value> =
            features.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        self.ask("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// The window as a PNG, in base64.
    pub(super) fn picture(&mut self) -> String {
        let picture =
            self.ask("Page.captureScreenshot", json!({ "format": "png", "optimizeForSpeed": false }));
        picture["data"].as_str().expect("a picture").to_owned()
    }

    /// Everything it asked a server for.
    pub(super) fn requests(&self) -> Vec<String> {
        let asked = self.events.iter().filter(|event| event["method"] == "Network.requestWillBeSent");
        asked.filter_map(|event| event["params"]["request"]["url"].as_str()).map(str::to_owned).collect()
    }

    /// What went wrong on the page, in its own words.
    pub(super) fn complaints(&self) -> Vec<String> {
        let of = |event: &Value| match event["method"].as_str()? {
            "Runtime.exceptionThrown" | "Runtime.consoleAPICalled" => Some(event["params"].to_string()),
            "Log.entryAdded" => Some(event["params"]["entry"].to_string()),
            _ => None,
        };
        self.events.iter().filter_map(of).collect()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // It ends the processes it started when its pipe closes; this is for the case that it hangs.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn option(name: &str, value: &Path) -> String {
    format!("{name}={}", value.display())
}
