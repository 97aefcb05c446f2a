//! Firefox, driven by WebDriver BiDi over the WebSocket that it opens by itself.
//!
//! Without a sound server a Firefox neither makes sound nor hears any, so it gets one with nothing behind it. Owner of:
//! the session. It is a Firefox without its H.264 plugin, as everybody has it who has just installed it.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::lan::Host;
use crate::process::Process;

/// Where it listens, on its own host's loopback.
const PORT: u16 = 9222;
/// A browser on a loaded machine of two cores.
const STARTING: Duration = Duration::from_secs(120);

/// Nothing is fetched or asked, pages may play sound, and addresses are shown: the page's own camera is no permission
/// that a browser would know of.
const PREFERENCES: &[(&str, &str)] = &[
    ("app.normandy.enabled", "false"),
    ("app.update.enabled", "false"),
    ("browser.safebrowsing.downloads.remote.enabled", "false"),
    ("browser.shell.checkDefaultBrowser", "false"),
    ("datareporting.policy.dataSubmissionEnabled", "false"),
    ("extensions.update.enabled", "false"),
    ("media.autoplay.blocking_policy", "0"),
    ("media.autoplay.default", "0"),
    ("media.gmp-gmpopenh264.enabled", "false"),
    ("media.gmp-manager.updateEnabled", "false"),
    ("media.peerconnection.ice.obfuscate_host_addresses", "false"),
    ("network.captive-portal-service.enabled", "false"),
    ("network.connectivity-service.enabled", "false"),
    ("services.settings.server", "\"data:,\""),
    ("toolkit.telemetry.reportingpolicy.firstRun", "false"),
];

/// Starts a sound server for it, which lives in `profile`.
pub fn start_sound(host: &Host, profile: &Path) -> Result<Process> {
    std::fs::create_dir_all(profile)?;
    let mut command = aloud(host, "pulseaudio");
    command.args(["-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--log-level=info"]);
    command.args(["-L", &format!("module-native-protocol-unix auth-anonymous=1 socket={}", socket(profile))]);
    command.args(["-L", "module-null-sink sink_name=nowhere rate=48000 channels=2"]);
    for name in ["HOME", "XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH", "PULSE_STATE_PATH"] {
        command.env(name, profile);
    }
    let server = Process::start("pulseaudio", command.env_remove("PULSE_SERVER"), None)?;
    server.wait_line(STARTING, |line| line.contains("Daemon startup complete").then_some(()))?;
    Ok(server)
}

/// Starts it, with that sound server.
pub fn start(host: &Host, profile: &Path) -> Result<Process> {
    let line = |(name, value): &(&str, &str)| format!("user_pref(\"{name}\", {value});\n");
    std::fs::write(profile.join("user.js"), PREFERENCES.iter().map(line).collect::<String>())?;
    let mut command = aloud(host, "firefox-esr");
    command.args(["--headless", "--no-remote", "--profile"]).arg(profile);
    command.args([&format!("--remote-debugging-port={PORT}"), "about:blank"]).env("HOME", profile);
    let firefox = Process::start("firefox", command.env("PULSE_SERVER", format!("unix:{}", socket(profile))), None)?;
    firefox.wait_line(STARTING, |line| line.contains("WebDriver BiDi listening").then_some(()))?;
    Ok(firefox)
}

/// A program that complains on its standard output, where it can be waited for.
fn aloud(host: &Host, program: &str) -> Command {
    let mut command = host.command("sh");
    command.args(["-c", "exec \"$0\" \"$@\" 2>&1", program]);
    command
}

fn socket(profile: &Path) -> String {
    profile.join("pulse").display().to_string()
}

/// A session, with one page.
pub struct Bidi {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next: u64,
    page: String,
}

impl Bidi {
    /// Begins a session; `script` runs in every page before the page's own, and any certificate will do.
    pub async fn connect(script: &str) -> Result<Self> {
        let address = format!("ws://{}:{PORT}/session", Ipv4Addr::LOCALHOST);
        let (socket, _) = tokio_tungstenite::connect_async(address).await?;
        let mut session = Self { socket, next: 0, page: String::new() };
        let capabilities = json!({"alwaysMatch": {"acceptInsecureCerts": true}});
        session.call("session.new", json!({"capabilities": capabilities})).await?;
        let tree = session.call("browsingContext.getTree", json!({})).await?;
        session.page = tree.pointer("/contexts/0/context").and_then(Value::as_str).context("no page")?.to_owned();
        let function = format!("() => {{ {script} }}");
        session.call("script.addPreloadScript", json!({"functionDeclaration": function})).await?;
        Ok(session)
    }

    /// Opens a page.
    pub async fn open(&mut self, url: &str) -> Result<()> {
        let parameters = json!({"context": self.page, "url": url, "wait": "complete"});
        self.call("browsingContext.navigate", parameters).await.map(drop)
    }

    /// Runs a script in the page, which may wait; what it returns.
    pub async fn evaluate(&mut self, script: &str) -> Result<Value> {
        // As text, because the protocol has a notation of its own for values.
        let expression = format!("(async () => {{ {script} }})().then((it) => JSON.stringify(it ?? null))");
        let target = json!({"context": self.page});
        let parameters = json!({"expression": expression, "target": target, "awaitPromise": true});
        let answer = self.call("script.evaluate", parameters).await?;
        let text = answer.pointer("/result/value").and_then(Value::as_str);
        let text = text.with_context(|| format!("the page threw {answer}"))?;
        Ok(serde_json::from_str(text)?)
    }

    /// A picture of the page, PNG in base64.
    pub async fn screenshot(&mut self) -> Result<Value> {
        let answer = self.call("browsingContext.captureScreenshot", json!({"context": self.page})).await?;
        answer.get("data").cloned().context("no picture")
    }

    async fn call(&mut self, method: &str, parameters: Value) -> Result<Value> {
        self.next += 1;
        let command = json!({"id": self.next, "method": method, "params": parameters});
        self.socket.send(Message::text(command.to_string())).await?;
        loop {
            let Message::Text(text) = self.socket.next().await.context("Firefox has hung up")?? else { continue };
            let answer: Value = serde_json::from_str(&text)?;
            if answer.get("id") != Some(&self.next.into()) {
                continue; // something happened that nobody asked for
            }
            let result = answer.get("result").cloned();
            return result.ok_or_else(|| anyhow!("Firefox refused {method}: {answer}"));
        }
    }
}
