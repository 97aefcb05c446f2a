//! The configuration of signalmaster (`config/*.json`), read as it reads it.
//!
//! Every key that it knows is honoured; others are named, but for those that are comments (`"/* secure */"`). Paths are
//! counted from where the program runs, as signalmaster does; where nothing is there, from the file's folder or the one
//! above it.

use std::net::{Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::settings::{Password, Settings, TurnSettings};
use super::{ConfigError, Read};

/// How long a credential is good if the file says nothing: signalmaster's own figure.
const EXPIRY_S: u64 = 86_400;

type Object = Map<String, Value>;

/// Reads the text of the file at `path`.
pub(super) fn parse(text: &str, path: &Path) -> Result<Read, ConfigError> {
    let value: Value = serde_json::from_str(text).map_err(|e| {
        let why = e.to_string();
        let why = why.split(" at line ").next().unwrap_or_default().to_owned();
        ConfigError::Form { path: path.to_owned(), line: e.line().max(1), why }
    })?;
    let top = Section { name: "", object: object("the whole file", &value)? };
    let mut warnings = Vec::new();
    top.name_unknown(&["isDev", "server", "rooms", "stunservers", "turnservers"], &mut warnings);
    top.flag("isDev")?; // signalmaster's own code looks at it nowhere
    let mut settings = Settings::default();
    if let Some(server) = top.section("server")? {
        read_server(&server, path, &mut settings, &mut warnings)?;
    }
    if let Some(rooms) = top.section("rooms")? {
        rooms.name_unknown(&["maxClients"], &mut warnings);
        let most = rooms.number("maxClients", u64::from(u32::MAX))?.filter(|most| *most > 0);
        settings.rooms.max_clients = most.and_then(|most| u32::try_from(most).ok());
    }
    let stun = top.list("stunservers")?.map(|servers| {
        let urls = servers.iter().map(|server| {
            server.name_unknown(&["url", "urls"], &mut warnings);
            server.urls()
        });
        Ok(urls.collect::<Result<Vec<_>, ConfigError>>()?.concat())
    });
    settings.ice.stun = stun.transpose()?;
    let turn = top
        .list("turnservers")?
        .map(|servers| servers.iter().map(|server| turn_server(server, &mut warnings)).collect::<Result<Vec<_>, _>>());
    settings.ice.turn = turn.transpose()?;
    Ok(Read { settings, warnings })
}

fn read_server(
    server: &Section<'_>,
    path: &Path,
    settings: &mut Settings,
    warnings: &mut Vec<String>,
) -> Result<(), ConfigError> {
    server.name_unknown(&["port", "secure", "key", "cert", "password"], warnings);
    if let Some(port) = server.number("port", u64::from(u16::MAX))? {
        let port = u16::try_from(port).unwrap_or_default();
        settings.listen = Some(vec![SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port)]);
    }
    match server.flag("secure")? {
        Some(true) => {
            let file = |key| server.text(key).map(|file| file.map(|file| find(&file, path)));
            (settings.tls.cert, settings.tls.key) = (file("cert")?, file("key")?);
        }
        Some(false) => settings.plain_http = Some(true),
        None => {}
    }
    if server.text("password")?.is_some_and(|password| !password.is_empty()) {
        let why = "is the password of a locked key, and only unlocked keys are read; unlock a copy by `openssl pkey -in \
                   KEY -out COPY`, name it in `server.key`, and set `server.password` to null";
        return Err(ConfigError::value("server.password", why));
    }
    Ok(())
}

fn turn_server(server: &Section<'_>, warnings: &mut Vec<String>) -> Result<TurnSettings, ConfigError> {
    server.name_unknown(&["url", "urls", "username", "credential", "secret", "expiry"], warnings);
    Ok(TurnSettings {
        urls: server.urls()?,
        username: server.text("username")?,
        credential: server.text("credential")?.map(Password::new),
        // An empty secret is none: what it signs, every TURN server refuses.
        secret: server.text("secret")?.filter(|secret| !secret.is_empty()).map(Password::new),
        secret_file: None,
        lifetime_s: Some(server.number("expiry", u64::MAX)?.filter(|s| *s > 0).unwrap_or(EXPIRY_S)),
    })
}

/// Where `file` is: from here, from the folder above the configuration's, or from that folder itself.
fn find(file: &str, config: &Path) -> PathBuf {
    let folder = config.parent().unwrap_or(Path::new(""));
    let above = folder.join("..");
    let there = [Path::new(""), &above, folder].map(|from| from.join(file)).into_iter().find(|path| path.exists());
    there.unwrap_or_else(|| PathBuf::from(file))
}

/// A part of the file, and what it is called.
struct Section<'a> {
    name: &'a str,
    object: &'a Object,
}

impl<'a> Section<'a> {
    fn key(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    /// What is said; null says nothing.
    fn get(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key).filter(|value| !value.is_null())
    }

    fn refuse(&self, key: &str, wanted: &str) -> ConfigError {
        ConfigError::value(&self.key(key), format!("must be {wanted}"))
    }

    fn flag(&self, key: &str) -> Result<Option<bool>, ConfigError> {
        let read = |value: &Value| value.as_bool().ok_or_else(|| self.refuse(key, "true or false"));
        self.get(key).map(read).transpose()
    }

    fn number(&self, key: &str, most: u64) -> Result<Option<u64>, ConfigError> {
        let wanted = || self.refuse(key, &format!("a whole number from 0 to {most}"));
        let read = |value: &Value| value.as_u64().filter(|number| *number <= most).ok_or_else(wanted);
        self.get(key).map(read).transpose()
    }

    fn text(&self, key: &str) -> Result<Option<String>, ConfigError> {
        let read = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| self.refuse(key, "a text"));
        self.get(key).map(read).transpose()
    }

    fn section<'b>(&self, key: &'b str) -> Result<Option<Section<'b>>, ConfigError>
    where
        'a: 'b,
    {
        self.get(key).map(|value| Ok(Section { name: key, object: object(key, value)? })).transpose()
    }

    fn list<'b>(&self, key: &'b str) -> Result<Option<Vec<Section<'b>>>, ConfigError>
    where
        'a: 'b,
    {
        let Some(value) = self.get(key) else { return Ok(None) };
        let entries = value.as_array().ok_or_else(|| self.refuse(key, "a list"))?;
        let sections = entries.iter().map(|entry| Ok(Section { name: key, object: object(key, entry)? }));
        sections.collect::<Result<Vec<_>, _>>().map(Some)
    }

    /// `urls`, a text or a list of texts, or by its older name `url`.
    fn urls(&self) -> Result<Vec<String>, ConfigError> {
        let wanted = || self.refuse("urls", "a text or a list of texts");
        let value = self.get("urls").or_else(|| self.get("url")).ok_or_else(wanted)?;
        let one = value.as_str().map(|url| Some(vec![url.to_owned()]));
        let many = || value.as_array()?.iter().map(|url| url.as_str().map(str::to_owned)).collect();
        one.unwrap_or_else(many).ok_or_else(wanted)
    }

    fn name_unknown(&self, known: &[&str], warnings: &mut Vec<String>) {
        let is_comment = |key: &str| ["/*", "//", "_"].iter().any(|start| key.starts_with(start));
        let unknown = self.object.keys().filter(|key| !known.contains(&key.as_str()) && !is_comment(key));
        warnings.extend(unknown.map(|key| format!("`{}` means nothing here and is left out.", self.key(key))));
    }
}

fn object<'a>(name: &str, value: &'a Value) -> Result<&'a Object, ConfigError> {
    value.as_object().ok_or_else(|| ConfigError::value(name, "must be an object in braces"))
}
