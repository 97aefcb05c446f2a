//! How a link is written on the command line: `rate=1000/40:2500,queue=300,delay=50,loss=0.05`.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Error, Result, bail, ensure};
use hearth_netsim::{Discipline, LinkConfig, Loss, Traffic};

/// One direction of a link.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LinkSpec {
    /// Delay, jitter, loss, discipline. Its rate is the first one.
    pub(crate) link: LinkConfig,
    /// Times and rates, bits a second; none for no limit.
    pub(crate) steps: Vec<(Duration, u64)>,
    /// Time that the queue holds, at each rate.
    pub(crate) queue: Duration,
    /// Traffic of others.
    pub(crate) cross: Option<CrossTraffic>,
}

/// Traffic of others through the link's queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CrossTraffic {
    pub(crate) traffic: Traffic,
    /// After the beginning of the measurement.
    pub(crate) start: Duration,
    pub(crate) stop: Duration,
}

impl FromStr for LinkSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut words: BTreeMap<&str, &str> = BTreeMap::new();
        for word in text.split(',').filter(|word| !word.is_empty()) {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            ensure!(words.insert(name, value).is_none(), "`{name}` is there twice");
        }
        let mut milliseconds = |name: &str, otherwise: f64| {
            let text = words.remove(name).map_or(Ok(otherwise), |text| number(name, text));
            text.map(|ms| Duration::from_secs_f64(ms / 1000.0))
        };
        let (delay, jitter) = (milliseconds("delay", 0.0)?, milliseconds("jitter", 0.0)?);
        let queue = milliseconds("queue", 300.0)?;
        let steps = words.remove("rate").map_or(Ok(Vec::new()), steps)?;
        let loss = loss(words.remove("loss"), words.remove("bursts"))?;
        let discipline = if words.remove("codel").is_some() { Discipline::CODEL } else { Discipline::DropTail };
        let cross = words.remove("cross").map(cross).transpose()?;
        if let Some(name) = words.keys().next() {
            bail!("`{name}` is unknown");
        }
        let rate = steps.first().map(|(_, rate)| *rate);
        let bytes = rate.map_or(usize::MAX, |rate| (queue.as_secs_f64() * rate as f64 / 8.0) as usize);
        let link = LinkConfig { jitter, loss, rate, queue: bytes, discipline, ..LinkConfig::delayed(delay) };
        Ok(Self { link, steps, queue, cross })
    }
}

/// Not negative, and not more than a day in the unit that is the smallest here.
fn number(name: &str, text: &str) -> Result<f64> {
    let number: f64 = text.parse().with_context(|| format!("`{name}={text}` is no number"))?;
    ensure!((0.0..=86_400_000.0).contains(&number), "`{name}={text}` is out of bounds");
    Ok(number)
}

/// `1000/40:2500/60:600`: kilobits a second, and from which second on.
fn steps(text: &str) -> Result<Vec<(Duration, u64)>> {
    let step = |word: &str| {
        let (from, rate) = word.split_once(':').unwrap_or(("0", word));
        let (from, rate) = (number("rate", from)?, number("rate", rate)?);
        Ok((Duration::from_secs_f64(from), (rate * 1000.0) as u64))
    };
    let mut steps = text.split('/').map(step).collect::<Result<Vec<_>>>()?;
    steps.sort_by_key(|(from, _)| *from);
    Ok(steps)
}

/// A share, or `ENTER/LEAVE/LOST`: probabilities of Gilbert's and Elliott's model.
fn loss(independent: Option<&str>, bursts: Option<&str>) -> Result<Loss> {
    let share = |text: &str| {
        let share = number("loss", text)?;
        ensure!(share <= 1.0, "{text} is more than everything");
        Ok(share)
    };
    match (independent, bursts) {
        (None, None) => Ok(Loss::None),
        (Some(text), None) => Ok(Loss::Independent(share(text)?)),
        (None, Some(text)) => {
            let shares = text.split('/').map(share).collect::<Result<Vec<_>>>()?;
            let [enter, leave, in_bad] = shares[..] else { bail!("bursts=ENTER/LEAVE/LOST") };
            Ok(Loss::Bursts { enter, leave, in_bad })
        }
        (Some(_), Some(_)) => bail!("loss or bursts, not both"),
    }
}

/// `cubic@20-80`, `reno@20-80`, `500@20-80` (kilobits a second): what, from which second to which.
fn cross(text: &str) -> Result<CrossTraffic> {
    let (traffic, times) = text.split_once('@').context("cross=WHAT@FROM-TO")?;
    let (start, stop) = times.split_once('-').context("cross=WHAT@FROM-TO")?;
    let traffic = match traffic {
        "cubic" => Traffic::Cubic,
        "reno" => Traffic::Reno,
        rate => Traffic::Constant((number("cross", rate)? * 1000.0) as u64),
    };
    let seconds = |text| number("cross", text).map(Duration::from_secs_f64);
    Ok(CrossTraffic { traffic, start: seconds(start)?, stop: seconds(stop)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_link_is_read() {
        let spec: LinkSpec =
            "rate=1000/60:600/40:2500,queue=300,delay=50,jitter=2.5,loss=0.05,codel,cross=cubic@20-80".parse().unwrap();
        assert_eq!(spec.steps, [(seconds(0), 1_000_000), (seconds(40), 2_500_000), (seconds(60), 600_000)]);
        assert_eq!((spec.link.rate, spec.link.queue), (Some(1_000_000), 37_500));
        assert_eq!((spec.link.delay, spec.link.jitter), (Duration::from_millis(50), Duration::from_micros(2500)));
        assert_eq!((spec.link.loss, spec.link.discipline), (Loss::Independent(0.05), Discipline::CODEL));
        let cross = CrossTraffic { traffic: Traffic::Cubic, start: seconds(20), stop: seconds(80) };
        assert_eq!(spec.cross, Some(cross));
    }

    #[test]
    fn what_is_not_said_is_not_there() {
        let spec: LinkSpec = "".parse().unwrap();
        assert_eq!(spec.link, LinkConfig { queue: usize::MAX, ..LinkConfig::delayed(Duration::ZERO) });
        assert_eq!((spec.steps, spec.cross), (Vec::new(), None));
        let bursts = "bursts=0.01/0.2/0.9".parse::<LinkSpec>().unwrap().link.loss;
        assert_eq!(bursts, Loss::Bursts { enter: 0.01, leave: 0.2, in_bad: 0.9 });
        let steady = "cross=500@1-2".parse::<LinkSpec>().unwrap().cross.unwrap();
        assert_eq!(steady.traffic, Traffic::Constant(500_000));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "rate=fast",
            "delay=-1",
            "delay=NaN",
            "loss=2",
            "loss=0.1,bursts=0.1/0.1/0.1",
            "bursts=0.1/0.1",
            "delay=1,delay=2",
            "speed=1",
            "cross=cubic",
            "cross=cubic@1",
            "queue=1e99",
        ] {
            assert!(text.parse::<LinkSpec>().is_err(), "{text}");
        }
    }
}
