//! A real browser on a host of the LAN, driven from a thread that lives on the same host: Chromium by WebDriver,
//! Firefox by WebDriver BiDi.

use std::fs::File;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use nix::sched::{CloneFlags, setns};
use serde_json::{Value, json};

use crate::firefox::{self, Bidi};
use crate::lan::Host;
use crate::process::{Process, now};

/// Where the driver listens, on its own host's loopback.
const PORT: u16 = 9515;
/// A browser on a loaded machine of two cores.
const STARTING: Duration = Duration::from_secs(120);
const ANSWERING: Duration = Duration::from_secs(60);

/// Whether the browser lets pages have its camera and microphone. A page that may not is not told the machine's
/// addresses either: its candidates carry names instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Devices {
    Allowed,
    Asked,
}

/// Which browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    Chromium(Devices),
    /// One that offers and takes reports by the numbers of streams (RFC 8888), as no browser does by itself yet.
    ReportingChromium,
    Firefox,
}

/// What the thread has to connect to.
enum Way {
    Chromium(serde_json::Map<String, Value>),
    Firefox,
}

/// What it is connected to.
enum Session {
    Chromium(Client),
    Firefox(Box<Bidi>),
}

/// What is asked of the browser's thread.
enum Ask {
    Open(String),
    Evaluate(String),
    Screenshot,
}

/// A browser with one page.
pub struct Browser {
    asks: Option<SyncSender<Ask>>,
    answers: Receiver<Result<Value>>,
    thread: Option<JoinHandle<()>>,
    /// Ended in this order.
    _programs: Vec<Process>,
}

impl Browser {
    /// Starts a browser on `host`; `script` runs in every page before the page's own, and the server with this key
    /// needs no other certificate.
    pub fn start(host: &Host, profile: &Path, spki: &[u8; 32], program: Program, script: String) -> Result<Self> {
        let (programs, way) = match program {
            Program::Chromium(_) | Program::ReportingChromium => {
                let mut command = host.command("chromedriver");
                let driver = Process::start("chromedriver", command.arg(format!("--port={PORT}")), None)?;
                driver.wait_line(STARTING, |line| line.contains("started successfully").then_some(()))?;
                (vec![driver], Way::Chromium(capabilities(profile, spki, program)))
            }
            Program::Firefox => {
                let sound = firefox::start_sound(host, profile)?;
                (vec![firefox::start(host, profile)?, sound], Way::Firefox)
            }
        };
        let (asks, inbox) = sync_channel(1);
        let (outbox, answers) = sync_channel(1);
        let namespace = host.namespace.clone();
        let thread = std::thread::Builder::new()
            .name("browser".to_owned())
            .spawn(move || serve(&namespace, way, &script, &inbox, &outbox))?;
        let browser = Self { asks: Some(asks), answers, thread: Some(thread), _programs: programs };
        browser.answers.recv_timeout(STARTING).context("the browser did not start")??;
        Ok(browser)
    }

    /// Opens a page.
    pub fn open(&self, url: &str) -> Result<()> {
        self.ask(Ask::Open(url.to_owned())).map(drop)
    }

    /// Runs a script in the page; what it returns.
    pub fn evaluate(&self, script: &str) -> Result<Value> {
        self.ask(Ask::Evaluate(script.to_owned()))
    }

    /// Waits until a script returns something that is neither false nor null.
    pub fn wait_for(&self, what: &str, limit: Duration, script: &str) -> Result<Value> {
        let end = now() + limit;
        // The page waits for its own next moment, so that nobody here has to sleep.
        let patient = format!(
            "const end = performance.now() + 1000; \
             for (;;) {{ const it = await (() => {{ {script} }})(); if (it || performance.now() > end) return it; \
             await new Promise(requestAnimationFrame); }}"
        );
        loop {
            let value = self.evaluate(&patient)?;
            if !matches!(value, Value::Null | Value::Bool(false)) {
                return Ok(value);
            }
            if now() > end {
                let text = self.evaluate("return document.body.innerText")?;
                return Err(anyhow!("{what} did not come in {limit:?}; the page says: {text}"));
            }
        }
    }

    /// Keeps a picture of the page where CI can show it.
    pub fn keep_screenshot(&self, name: &str) -> Result<()> {
        let Some(folder) = std::env::var_os("HEARTH_SCREENSHOTS") else { return Ok(()) };
        let text = self.ask(Ask::Screenshot)?;
        let picture = STANDARD.decode(text.as_str().context("no picture")?)?;
        std::fs::create_dir_all(&folder)?;
        Ok(std::fs::write(Path::new(&folder).join(format!("guest-{name}.png")), picture)?)
    }

    fn ask(&self, ask: Ask) -> Result<Value> {
        self.asks.as_ref().context("the browser has ended")?.send(ask)?;
        self.answers.recv_timeout(ANSWERING).context("the browser does not answer")?
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.asks = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn capabilities(profile: &Path, spki: &[u8; 32], program: Program) -> serde_json::Map<String, Value> {
    let mut arguments = vec![
        "--headless=new".to_owned(),
        "--no-sandbox".to_owned(),
        "--disable-gpu".to_owned(),
        "--disable-quic".to_owned(),
        "--no-first-run".to_owned(),
        "--disable-background-networking".to_owned(),
        "--disable-component-update".to_owned(),
        "--disable-sync".to_owned(),
        "--autoplay-policy=no-user-gesture-required".to_owned(),
        "--disable-background-timer-throttling".to_owned(),
        "--disable-renderer-backgrounding".to_owned(),
        "--disable-dev-shm-usage".to_owned(),
        "--window-size=1100,760".to_owned(),
        format!("--user-data-dir={}", profile.display()),
        format!("--ignore-certificate-errors-spki-list={}", STANDARD.encode(spki)),
    ];
    if program == Program::ReportingChromium {
        arguments.push("--force-fieldtrials=WebRTC-RFC8888CongestionControlFeedback/Enabled,offer:true/".to_owned());
    }
    if program != Program::Chromium(Devices::Asked) {
        arguments
            .extend(["--use-fake-ui-for-media-stream".to_owned(), "--use-fake-device-for-media-stream".to_owned()]);
    }
    let options = json!({"args": arguments, "binary": "/usr/bin/chromium"});
    serde_json::Map::from_iter([("goog:chromeOptions".to_owned(), options)])
}

/// The browser's thread: moves to the host, starts the browser, answers.
fn serve(namespace: &str, way: Way, script: &str, asks: &Receiver<Ask>, answers: &SyncSender<Result<Value>>) {
    let started = File::open(Path::new("/run/netns").join(namespace))
        .context("no such host")
        .and_then(|file| setns(file, CloneFlags::CLONE_NEWNET).context("the host cannot be entered"))
        .and_then(|()| Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?));
    let runtime = match started {
        Ok(runtime) => runtime,
        Err(error) => return drop(answers.send(Err(error))),
    };
    let mut session = match runtime.block_on(connect(way, script)) {
        Ok(session) => session,
        Err(error) => return drop(answers.send(Err(error))),
    };
    if answers.send(Ok(Value::Null)).is_err() {
        return;
    }
    while let Ok(ask) = asks.recv() {
        let answer = runtime.block_on(answer(&mut session, ask));
        if answers.send(answer).is_err() {
            break;
        }
    }
    if let Session::Chromium(client) = session {
        drop(runtime.block_on(client.close()));
    }
}

async fn connect(way: Way, script: &str) -> Result<Session> {
    let capabilities = match way {
        Way::Chromium(capabilities) => capabilities,
        Way::Firefox => return Ok(Session::Firefox(Box::new(Bidi::connect(script).await?))),
    };
    let client = ClientBuilder::new(HttpConnector::new())
        .capabilities(capabilities)
        .connect(&format!("http://{}:{PORT}", Ipv4Addr::LOCALHOST))
        .await?;
    client.issue_cmd(OnNewDocument(script.to_owned())).await?;
    Ok(Session::Chromium(client))
}

async fn answer(session: &mut Session, ask: Ask) -> Result<Value> {
    match (session, ask) {
        (Session::Chromium(client), ask) => answer_by_chromium(client, ask).await,
        (Session::Firefox(bidi), Ask::Open(url)) => bidi.open(&url).await.map(|()| Value::Null),
        (Session::Firefox(bidi), Ask::Evaluate(script)) => bidi.evaluate(&script).await,
        (Session::Firefox(bidi), Ask::Screenshot) => bidi.screenshot().await,
    }
}

async fn answer_by_chromium(client: &Client, ask: Ask) -> Result<Value> {
    match ask {
        Ask::Open(url) => client.goto(&url).await.map(|()| Value::Null).map_err(Into::into),
        Ask::Evaluate(script) => {
            // An asynchronous function, so that a script may wait.
            let wrapped = format!(
                "const done = arguments[arguments.length - 1]; \
                 (async () => {{ {script} }})().then(done, (error) => done({{ thrown: String(error) }}));"
            );
            let value = client.execute_async(&wrapped, Vec::new()).await?;
            match value.get("thrown") {
                Some(thrown) => Err(anyhow!("the page threw {thrown}")),
                None => Ok(value),
            }
        }
        Ask::Screenshot => Ok(STANDARD.encode(client.screenshot().await?).into()),
    }
}

/// `Page.addScriptToEvaluateOnNewDocument` of the DevTools protocol, through the driver.
#[derive(Debug)]
struct OnNewDocument(String);

impl WebDriverCompatibleCommand for OnNewDocument {
    fn endpoint(&self, base_url: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base_url.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _request_url: &url::Url) -> (http::Method, Option<String>) {
        let body = json!({"cmd": "Page.addScriptToEvaluateOnNewDocument", "params": {"source": self.0}});
        (http::Method::POST, Some(body.to_string()))
    }
}
