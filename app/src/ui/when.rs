//! Times and numbers as a person reads them. No clock is read here.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_i18n::t;

/// A day and an hour, where this machine is; empty for a time that no calendar holds.
pub(super) fn day(unix_s: u64, zone: &TimeZone) -> String {
    format(unix_s, zone, &t!("ui.time.day"))
}

/// An hour, where this machine is.
pub(super) fn hour(unix_s: u64, zone: &TimeZone) -> String {
    format(unix_s, zone, "%H:%M")
}

/// A day and a minute everywhere, by UTC: for who reads it elsewhere, in any language.
pub(super) fn date(unix_s: u64) -> String {
    format(unix_s, &TimeZone::UTC, "%Y-%m-%d %H:%M")
}

fn format(unix_s: u64, zone: &TimeZone, how: &str) -> String {
    let stamp = i64::try_from(unix_s).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let zoned = stamp.map(|stamp| stamp.to_zoned(zone.clone()));
    zoned.and_then(|zoned| jiff::fmt::strtime::format(how, &zoned).ok()).unwrap_or_default()
}

/// How long something has lasted: `4:09`, `1:02:33`.
pub(super) fn clock(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// A room's number in groups of three; another name as it is.
pub(super) fn number(room: &str) -> String {
    if room.len() != 9 || !room.bytes().all(|byte| byte.is_ascii_digit()) {
        return room.to_owned();
    }
    let groups: Vec<&str> = (0..3).filter_map(|group| room.get(group * 3..group * 3 + 3)).collect();
    groups.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_in_groups_of_three() {
        assert_eq!(number("482913605"), "482-913-605");
        assert_eq!(number("99999"), "99999");
        assert_eq!(number("我们的会议室"), "我们的会议室");
    }

    #[test]
    fn a_clock_shows_hours_once_there_are_any() {
        for (seconds, expected) in [(0, "0:00"), (9, "0:09"), (249, "4:09"), (3753, "1:02:33")] {
            assert_eq!(clock(seconds), expected);
        }
    }

    #[test]
    fn an_hour_is_that_of_the_place() {
        let zone = TimeZone::fixed(jiff::tz::offset(8));
        assert_eq!(hour(0, &zone), "08:00");
        assert_eq!(hour(u64::MAX, &zone), "");
    }
}
