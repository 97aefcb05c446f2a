//! The configuration of signalmaster (`config/*.json`), read as it reads it.
//!
//! Every key that it knows is honoured; others are named, but for those that are comments (`"/* secure */"`). Paths are
//! counted from where the program runs, as signalmaster does; where nothing is there, from the file's folder or the one
//! above it. A text `$NAME` or `${NAME}` stands for a variable of the environment, as its library getconfig has it, and
//! the variable `PORT` goes before the port of the file. Numbers and flags may be written as texts. Without `secure` it
//! is plain HTTP.

use std::net::{Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::settings::{Password, Settings, TurnSettings};
use super::{ConfigError, Dialect, Read};

/// How long a credential is good if the file says nothing: signalmaster's own figure.
const EXPIRY_S: u64 = 86_400;

type Object = Map<String, Value>;

/// Longest life of a credential, seconds, which a file of signalmaster's may exceed: 30 days (`TURN_LIFETIMES` of the
/// plan).
const LONGEST_S: u64 = 30 * 24 * 3600;
/// Shortest one.
const SHORTEST_S: u64 = 60;

/// Gives a variable of the environment.
pub(super) type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads the text of the file at `path`.
pub(super) fn parse(text: &str, path: &Path, variables: Variables<'_>) -> Result<Read, ConfigError> {
    let mut value: Value = serde_json::from_str(text).map_err(|e| {
        let why = e.to_string();
        let why = why.split(" at line ").next().unwrap_or_default().to_owned();
        ConfigError::Form { path: path.to_owned(), line: e.line().max(1), why }
    })?;
    fill_in("", &mut value, variables)?;
    let top = Section { name: "", object: object("the whole file", &value)? };
    let mut warnings = Vec::new();
    top.name_unknown(&["isDev", "server", "rooms", "stunservers", "turnservers", "turnorigins"], &mut warnings);
    top.flag("isDev")?; // signalmaster's own code looks at it nowhere
    let mut settings = Settings::default();
    if let Some(server) = top.section("server")? {
        read_server(&server, path, &mut settings, &mut warnings)?;
    }
    if let Some(port) = variables("PORT").filter(|port| !port.is_empty()) {
        let port = port.trim().parse().map_err(|_| ConfigError::value("PORT", "in the environment must be a port"))?;
        settings.listen = Some(listen(port));
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
    if let Some(origins) = top.texts("turnorigins")? {
        let why = "`turnorigins`: pages of these origins may speak to this server; what they are told of TURN servers, pages of its \
                   own are told as well.";
        warnings.push(why.to_owned());
        settings.origins = Some(origins);
    }
    Ok(Read { settings, warnings, dialect: Dialect::Signalmaster })
}

fn read_server(
    server: &Section<'_>,
    path: &Path,
    settings: &mut Settings,
    warnings: &mut Vec<String>,
) -> Result<(), ConfigError> {
    server.name_unknown(&["port", "secure", "key", "cert", "password"], warnings);
    if let Some(port) = server.number("port", u64::from(u16::MAX))? {
        settings.listen = Some(listen(u16::try_from(port).unwrap_or_default()));
    }
    match server.flag("secure")? {
        Some(true) => {
            let file = |key| server.text(key).map(|file| file.map(|file| find(&file, path)));
            (settings.tls.cert, settings.tls.key) = (file("cert")?, file("key")?);
        }
        Some(false) | None => settings.plain_http = Some(true),
    }
    if server.text("password")?.is_some_and(|password| !password.is_empty()) {
        let why = "is the password of a locked key, and only unlocked keys are read; unlock a copy by `openssl pkey -in \
                   KEY -out COPY`, name it in `server.key`, and set `server.password` to null";
        return Err(ConfigError::value("server.password", why));
    }
    Ok(())
}

fn listen(port: u16) -> Vec<SocketAddr> {
    vec![SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port)]
}

/// Puts variables of the environment where texts name them.
fn fill_in(key: &str, value: &mut Value, variables: Variables<'_>) -> Result<(), ConfigError> {
    match value {
        Value::Array(entries) => entries.iter_mut().try_for_each(|entry| fill_in(key, entry, variables)),
        Value::Object(entries) => entries.iter_mut().try_for_each(|(name, entry)| {
            let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
            fill_in(&key, entry, variables)
        }),
        Value::String(text) => {
            *text = filled_in(key, text, variables)?;
            Ok(())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// `$NAME` as a whole text, `${NAME}` anywhere in it. A dollar before anything else is a dollar: secrets hold them.
fn filled_in(key: &str, text: &str, variables: Variables<'_>) -> Result<String, ConfigError> {
    let is_name = |name: &str| {
        let starts = name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_');
        starts && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    };
    let value = |name: &str| {
        let why = format!("names the variable {name}, which is not in the environment; set it, or write its value");
        variables(name).ok_or_else(|| ConfigError::value(key, why))
    };
    if let Some(name) = text.strip_prefix('$').filter(|name| is_name(name)) {
        return value(name);
    }
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, behind)) = rest.split_once("${") {
        out.push_str(before);
        match behind.split_once('}') {
            Some((name, behind)) if is_name(name) => {
                out.push_str(&value(name)?);
                rest = behind;
            }
            Some(_) | None => {
                out.push_str("${");
                rest = behind;
            }
        }
    }
    out.push_str(rest);
    Ok(out)
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
        lifetime_s: Some(lifetime(server, warnings)?),
    })
}

/// How long credentials are good; what is longer than anybody's call is shortened, and said.
fn lifetime(server: &Section<'_>, warnings: &mut Vec<String>) -> Result<u64, ConfigError> {
    let said = server.number("expiry", u64::MAX)?.filter(|s| *s > 0).unwrap_or(EXPIRY_S);
    let lifetime = said.clamp(SHORTEST_S, LONGEST_S);
    if lifetime != said {
        warnings.push(format!("`turnservers.expiry`: credentials are good for {lifetime} s, not for {said} s."));
    }
    Ok(lifetime)
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
        let read = |value: &Value| {
            let said = value.as_bool().or_else(|| value.as_str()?.trim().parse().ok());
            said.ok_or_else(|| self.refuse(key, "true or false"))
        };
        self.get(key).map(read).transpose()
    }

    fn number(&self, key: &str, most: u64) -> Result<Option<u64>, ConfigError> {
        let wanted = || self.refuse(key, &format!("a whole number from 0 to {most}"));
        let read = |value: &Value| {
            let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
            number.filter(|number| *number <= most).ok_or_else(wanted)
        };
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
        let urls = self.texts("urls")?.map_or_else(|| self.texts("url"), |urls| Ok(Some(urls)));
        urls?.ok_or_else(|| self.refuse("urls", "a text or a list of texts"))
    }

    /// A text, or a list of texts.
    fn texts(&self, key: &str) -> Result<Option<Vec<String>>, ConfigError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let one = value.as_str().map(|text| Some(vec![text.to_owned()]));
        let many = || value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect();
        one.unwrap_or_else(many).ok_or_else(|| self.refuse(key, "a text or a list of texts")).map(Some)
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
