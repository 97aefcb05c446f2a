//! Which sources hear what a speaker plays: by the class that a sound server gives them, else by their names.
//!
//! Names can be anything: people rename sources, servers translate them and number those that are alike. cpal knows the
//! class and does not say it, so the server is asked once more. Owner of: that connection. Does not open a source.

use std::collections::BTreeMap;

use hearth_base::DeviceId;

/// How a server names the source that hears a sink, where nothing else has that name.
const MONITOR: &str = ".monitor";
/// How servers describe it that speak English.
const MONITOR_OF: &str = "Monitor of ";
/// How cpal calls the host that is a server of PulseAudio's kind, and what stands before the names of its devices.
const SERVER: (&str, &str) = ("PulseAudio", "pulseaudio:");

/// Whether a source hears a sink, by the source's name; empty where nobody could be asked.
#[derive(Debug, Default)]
pub(super) struct SourceClasses(BTreeMap<String, SourceClass>);

/// What a source hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SourceClass {
    /// What a sink plays.
    Monitor,
    /// Anything else: people, in most cases.
    Microphone,
}

impl SourceClasses {
    /// Whether the device hears what a speaker plays. A source of which the server did not speak is judged by its id
    /// and name.
    pub(super) fn is_monitor(&self, DeviceId(id): &DeviceId, name: &str) -> bool {
        let class = id.strip_prefix(SERVER.1).and_then(|source| self.0.get(source));
        class.map_or_else(
            || id.ends_with(MONITOR) || name.starts_with(MONITOR_OF),
            |class| *class == SourceClass::Monitor,
        )
    }
}

/// Asks a sound server for the classes of its sources, over one connection as long as that answers.
#[derive(Default)]
pub(super) struct SourceDirectory(Option<connection::Connection>);

impl SourceDirectory {
    /// Returns the classes of all sources of the server behind `host`: none where that is no server or is silent.
    pub(super) fn classes(&mut self, host: &cpal::Host) -> SourceClasses {
        if host.id().name() != SERVER.0 {
            return SourceClasses::default();
        }
        // A connection that was kept may have ended with its server: the next look begins another.
        let connection = self.0.take().or_else(connection::Connection::begin);
        let answer = connection.and_then(|mut connection| Some((connection.classes()?, connection)));
        answer.map_or_else(SourceClasses::default, |(classes, connection)| {
            self.0 = Some(connection);
            SourceClasses(classes)
        })
    }
}

#[cfg(target_os = "linux")]
mod connection {
    use std::collections::BTreeMap;
    use std::io::BufReader;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use pulseaudio::protocol::{
        AuthParams, AuthReply, Command, CommandReply, MAX_VERSION, Prop, Props, ProtocolError, SetClientNameReply,
        SourceInfo, SourceInfoList, read_reply_message, write_command_message,
    };

    use super::SourceClass;

    /// How long the server may take for each answer; after that, names decide.
    const PATIENCE: Duration = Duration::from_secs(1);

    /// A connection of ours beside cpal's. Asks, waits, and needs no thread for that.
    pub(super) struct Connection {
        stream: BufReader<UnixStream>,
        /// Of the protocol, as both speak it.
        version: u16,
        requests: u32,
    }

    impl Connection {
        /// Connects to the server that cpal takes, and brings the same cookie.
        pub(super) fn begin() -> Option<Self> {
            let begun = Self::connect();
            begun.inspect_err(|error| tracing::debug!(%error, "the sound server is not asked for classes")).ok()
        }

        /// What the server says of its sources.
        pub(super) fn classes(&mut self) -> Option<BTreeMap<String, SourceClass>> {
            let answer = self.ask::<SourceInfoList>(&Command::GetSourceInfoList);
            let sources = answer.inspect_err(|error| tracing::debug!(%error, "no classes of sources")).ok()?;
            Some(sources.iter().map(|source| (source.name.to_string_lossy().into_owned(), class(source))).collect())
        }

        fn connect() -> Result<Self, ProtocolError> {
            let path = pulseaudio::socket_path_from_env().ok_or(std::io::ErrorKind::NotFound);
            let stream = UnixStream::connect(path.map_err(std::io::Error::from)?)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            let mut connection = Self { stream: BufReader::new(stream), version: MAX_VERSION, requests: 0 };
            let cookie = pulseaudio::cookie_path_from_env().and_then(|path| std::fs::read(path).ok());
            let us = AuthParams {
                version: MAX_VERSION,
                supports_shm: false,
                supports_memfd: false,
                cookie: cookie.unwrap_or_default(),
            };
            let server: AuthReply = connection.ask(&Command::Auth(us))?;
            connection.version = MAX_VERSION.min(server.version);
            let mut about_us = Props::new();
            about_us.set(Prop::ApplicationName, c"Hearth");
            connection.ask::<SetClientNameReply>(&Command::SetClientName(about_us))?;
            Ok(connection)
        }

        fn ask<R: CommandReply>(&mut self, request: &Command) -> Result<R, ProtocolError> {
            let number = self.requests;
            self.requests = number.wrapping_add(1);
            write_command_message(self.stream.get_mut(), number, request, self.version)?;
            let (answered, reply) = read_reply_message(&mut self.stream, self.version)?;
            // We ask one thing at a time, and are told nothing for which we did not ask.
            if answered == number { Ok(reply) } else { Err(ProtocolError::Invalid("another answer".into())) }
        }
    }

    /// The link to a sink is the server's own knowledge; the property can be set by anybody, and is all that some
    /// servers give.
    fn class(source: &SourceInfo) -> SourceClass {
        let is_of_class = source.props.get(Prop::DeviceClass).is_some_and(|class| class.starts_with(b"monitor"));
        if source.monitor_of_sink_index.is_some() || is_of_class {
            SourceClass::Monitor
        } else {
            SourceClass::Microphone
        }
    }
}

/// Elsewhere cpal reaches no server, and devices have no such class.
#[cfg(not(target_os = "linux"))]
mod connection {
    use std::collections::BTreeMap;

    use super::SourceClass;

    pub(super) enum Connection {}

    impl Connection {
        pub(super) fn begin() -> Option<Self> {
            None
        }

        pub(super) fn classes(&mut self) -> Option<BTreeMap<String, SourceClass>> {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_count_where_no_class_is_known() {
        let found = [("speakers.monitor", SourceClass::Microphone), ("speakers.monitor.2", SourceClass::Monitor)];
        let classes = SourceClasses(found.map(|(name, class)| (name.to_owned(), class)).into());
        let is_monitor = |id: &str, name| classes.is_monitor(&DeviceId(id.into()), name);
        assert!(is_monitor("pulseaudio:speakers.monitor.2", "Mein Mischpult"), "class");
        assert!(!is_monitor("pulseaudio:speakers.monitor", "Monitor of the cradle"), "class");
        assert!(is_monitor("pulseaudio:other.monitor", "Other"), "its id alone");
        assert!(is_monitor("pulseaudio:other.monitor.2", "Monitor of Other"), "its name alone");
        assert!(!is_monitor("alsa:speakers.monitor.2", "Mischpult"), "another host's");
    }
}
