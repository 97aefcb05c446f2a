//! A real Chromium with one page, on this machine, driven by WebDriver.

use std::process::Stdio;
use std::time::Duration;

use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// A browser on a loaded machine of two cores. Nobody waits for longer than it takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// A driver for any number of pages, each in a browser of its own.
pub(crate) struct Driver {
    port: u16,
    program: Child,
}

/// A page.
pub(crate) struct Page {
    client: Client,
}

impl Driver {
    pub(crate) async fn start() -> Self {
        let mut program = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver is installed (chromium-driver)");
        let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
        let port = loop {
            let line = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().expect("a port");
            let port = line.rsplit_once("successfully on port ").map(|(_, port)| port.trim_end_matches('.'));
            if let Some(port) = port {
                break port.parse().unwrap();
            }
        };
        Self { port, program }
    }

    /// A browser of that language, with a camera and a microphone that nobody has to allow.
    pub(crate) async fn page(&self, language: &str) -> Page {
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--window-size=1280,800",
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            "--disable-background-timer-throttling",
            &format!("--accept-lang={language}"),
        ];
        let options = json!({"args": arguments, "binary": "/usr/bin/chromium"});
        let capabilities = serde_json::Map::from_iter([("goog:chromeOptions".to_owned(), options)]);
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let connecting = builder.capabilities(capabilities);
        let address = format!("http://127.0.0.1:{}", self.port);
        let client = timeout(PATIENCE, connecting.connect(&address)).await.unwrap();
        Page { client: client.expect("Chromium starts") }
    }
}

/// A test that fails leaves its browsers behind, who are of the driver's group: none of them outlives it.
impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(group) = self.program.id() {
            drop(std::process::Command::new("kill").args(["-KILL", "--", &format!("-{group}")]).status());
        }
    }
}

impl Page {
    pub(crate) async fn open(&self, url: &str) {
        self.client.goto("about:blank").await.unwrap(); // or another fragment would load nothing
        self.client.goto(url).await.unwrap();
    }

    pub(crate) async fn evaluate(&self, script: &str) -> Value {
        self.evaluate_with(script, &[]).await
    }

    /// The same, with what the script finds in `arguments`.
    pub(crate) async fn evaluate_with(&self, script: &str, arguments: &[Value]) -> Value {
        self.client.execute(script, arguments.to_vec()).await.unwrap()
    }

    pub(crate) async fn resize(&self, width: u32, height: u32) {
        self.client.set_window_size(width, height).await.unwrap();
    }

    /// Clicks, once it is there and nothing lies over it.
    pub(crate) async fn click(&self, selector: &str) {
        let act = async |element: Element| element.click().await;
        self.once_there(selector, act).await;
    }

    /// Types into it, in place of what it holds.
    pub(crate) async fn write(&self, selector: &str, text: &str) {
        let act = async |field: Element| {
            field.clear().await?;
            field.send_keys(text).await
        };
        self.once_there(selector, act).await;
    }

    /// Does something with an element. What cannot be done yet was not done, and is tried again.
    async fn once_there(&self, selector: &str, act: impl AsyncFn(Element) -> Result<(), CmdError>) {
        let mut refused = None;
        let trying = async {
            loop {
                let done = match self.client.find(Locator::Css(selector)).await {
                    Ok(element) => act(element).await,
                    Err(error) => Err(error),
                };
                let Err(error) = done else { return };
                refused = Some(error);
                // The page draws meanwhile.
                let script = "const [done] = arguments; requestAnimationFrame(() => setTimeout(done, 50));";
                self.client.execute_async(script, Vec::new()).await.expect(selector);
            }
        };
        let done = timeout(PATIENCE, trying).await;
        assert!(done.is_ok(), "{selector}: {refused:?}");
    }

    /// Presses a key and lets it go, wherever the focus is.
    pub(crate) async fn press(&self, key: &str) {
        self.hold(key, true).await;
        self.hold(key, false).await;
    }

    /// Presses a key, or lets it go.
    pub(crate) async fn hold(&self, key: &str, down: bool) {
        let value = key.chars().next().expect("a key");
        let action = if down { KeyAction::Down { value } } else { KeyAction::Up { value } };
        self.client.perform_actions(KeyActions::new("keys".to_owned()).then(action)).await.expect(key);
    }

    /// Waits until the expression is true.
    pub(crate) async fn until(&self, expression: &str) {
        let patient = format!(
            "const [done] = arguments; const end = performance.now() + 500; \
             (function look() {{ const it = Boolean({expression}); \
             if (it || performance.now() > end) done(it); else setTimeout(look, 20); }})();"
        );
        let looking =
            async { while self.client.execute_async(&patient, Vec::new()).await.unwrap() != Value::Bool(true) {} };
        if timeout(PATIENCE, looking).await.is_err() {
            let text = self.evaluate("return document.body.innerText").await;
            panic!("{expression} did not come; the page says {text}");
        }
    }

    /// Waits until the element says exactly this.
    pub(crate) async fn says(&self, selector: &str, sentence: &str) {
        let quoted = serde_json::to_string(sentence).unwrap();
        self.until(&format!("document.querySelector('{selector}').textContent === {quoted}")).await;
    }

    pub(crate) async fn close(self) {
        self.client.close().await.unwrap();
    }
}
