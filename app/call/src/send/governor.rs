//! What all links of this client leave by: one line, most often, and who gets what of it.
//!
//! Each link estimates by itself. What none can know alone is told here. Links that see the same queue at the same time
//! share a line ([`Likeness`]; the idea of RFC 8382, with what is seen here: how long packets wait). Among these, what
//! the line bears is filled like water (coupled congestion control, RFC 8699): who has less than a like share and could
//! use more gets of those who have more, and their sum stays what it was. By themselves, of four links behind a narrow
//! line one can end with nearly all of it: the others send too little to show that they could send more. A newcomer
//! gets its part before it sends anything; at the rate that a line usually bears it would fill this one's queue, and
//! everybody's sound would wait in it. Owner of: what each link said last, and which of them are alike.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hearth_base::Bitrate;

use crate::sockets::TransportId;

/// Shares are looked at once in so long: what was given has been used by then, and reported.
const PAUSE: Duration = Duration::from_secs(1);
/// Who has less than this part of a like share gets more; of what is missing, so much at a time.
const LESS: f64 = 0.85;
const STEP: f64 = 0.5;
/// How long it is remembered that a link was full.
const REMEMBERED: Duration = Duration::from_secs(120);
/// What those who went leave is taken up at once as far as this, in parts of what the others have; then by growth.
const TAKEN_UP: f64 = 2.0;

/// What a link knows of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LinkReport {
    /// What it may send.
    pub(crate) estimate: Bitrate,
    /// What it sends of that: the same encoding goes to several, and the slowest decides what it takes.
    pub(crate) used: Bitrate,
    /// Whether it would send more if it might.
    pub(crate) wants_more: bool,
    /// How long its packets wait on the way; nothing where nobody reports it.
    pub(crate) queue: Option<Duration>,
}

/// Couples links that share a line.
#[derive(Debug, Default)]
pub(crate) struct Governor {
    links: BTreeMap<TransportId, Link>,
    /// Of two, the one with the lower id first.
    likeness: BTreeMap<(TransportId, TransportId), Likeness>,
    /// When shares were looked at last.
    looked: Option<Instant>,
}

/// One link.
#[derive(Debug)]
struct Link {
    report: LinkReport,
    at: Instant,
    /// When its packets waited last.
    queued: Option<Instant>,
    /// The part of its rate that it should go on with, because others came or went, or have too little.
    part: Option<f64>,
}

/// How much two links see the same queue.
#[derive(Clone, Copy, Debug, Default)]
struct Likeness {
    /// 0 to 1, smoothed.
    share: f64,
    looks: u32,
}

impl Likeness {
    /// While packets of neither wait longer there is nothing to see.
    const QUEUE: Duration = Duration::from_millis(15);
    /// The same queue, seen by packets that did not come at the same time, is about as long.
    const ABOUT: u32 = 3;
    /// What was seen longer ago is of another queue.
    const FRESH: Duration = Duration::from_millis(150);
    /// What each look weighs; there are twenty a second, of each of the two.
    const WEIGHT: f64 = 0.05;
    /// Looks of half a second, and the share of them in which both saw the same.
    const ENOUGH: u32 = 20;
    const ALIKE: f64 = 0.7;

    fn look(&mut self, one: Duration, other: Duration) {
        let (less, more) = (one.min(other), one.max(other));
        if more >= Self::QUEUE {
            let is_same = less * Self::ABOUT >= more;
            self.looks = self.looks.saturating_add(1);
            // The mean of all, as long as they are few.
            let weight = Self::WEIGHT.max(1.0 / f64::from(self.looks));
            self.share += (f64::from(u8::from(is_same)) - self.share) * weight;
        }
    }

    fn is_one_line(self) -> bool {
        self.looks >= Self::ENOUGH && self.share >= Self::ALIKE
    }
}

impl Governor {
    /// A link says what it does. The part of its rate that it should go on with, where that is another.
    pub(crate) fn handle_report(&mut self, id: TransportId, report: LinkReport, now: Instant) -> Option<f64> {
        let link = self.links.entry(id).or_insert_with(|| Link::new(report, now));
        (link.report, link.at) = (report, now);
        if report.queue.is_some_and(|queue| queue >= Likeness::QUEUE) {
            link.queued = Some(now);
        }
        self.compare(id, now);
        if self.looked.is_none_or(|at| now.saturating_duration_since(at) >= PAUSE) {
            self.looked = Some(now);
            self.share_out();
        }
        self.links.get_mut(&id)?.part.take()
    }

    /// A link begins to send, by a path of which it knows nothing: what it should begin with, where otherwise it would
    /// with `first`. Those who share the line make room.
    pub(crate) fn handle_begun(&mut self, id: TransportId, first: Bitrate, now: Instant) -> Bitrate {
        self.forget(id);
        let begin = self.first_rate(now).map_or(first, |known| known.min(first));
        let report = LinkReport { estimate: begin, used: begin, wants_more: false, queue: None };
        self.links.insert(id, Link::new(report, now));
        begin
    }

    /// A newcomer's part of the line, where anything is known of it.
    fn first_rate(&mut self, now: Instant) -> Option<Bitrate> {
        let within = |at: Option<Instant>, time| at.is_some_and(|at| now.saturating_duration_since(at) < time);
        let sharing = self.groups().into_iter().max_by_key(Vec::len).unwrap_or_default();
        if sharing.len() > 1 {
            let (with_it, used) = (sharing.len() as u64 + 1, self.used(&sharing));
            self.pass_on(&sharing, sharing.len() as f64 / with_it as f64);
            return Some(Bitrate::from_bps(used / with_it));
        }
        // Whose line is narrow nobody knows: ours, or that of who is at the other end.
        let full = self.links.values().filter(|link| within(link.queued, REMEMBERED));
        full.map(|link| link.report.used.scaled(0.5)).min()
    }

    /// A link is no more. Those who shared the line with it take its part.
    pub(crate) fn handle_ended(&mut self, id: TransportId) {
        let group = self.groups().into_iter().find(|group| group.contains(&id)).unwrap_or_default();
        let Some(gone) = self.forget(id) else { return };
        let left: Vec<_> = group.into_iter().filter(|other| *other != id).collect();
        let rest = self.used(&left);
        if rest > 0 {
            self.pass_on(&left, ((rest + gone.report.used.bps()) as f64 / rest as f64).min(TAKEN_UP));
        }
    }

    /// Nothing that is known of a link holds any more.
    pub(crate) fn handle_woken(&mut self, id: TransportId) {
        self.forget(id);
    }

    fn forget(&mut self, id: TransportId) -> Option<Link> {
        self.likeness.retain(|(one, other), _| *one != id && *other != id);
        self.links.remove(&id)
    }

    /// What they send together, bits a second.
    fn used(&self, ids: &[TransportId]) -> u64 {
        ids.iter().filter_map(|id| self.links.get(id)).map(|link| link.report.used.bps()).sum()
    }

    fn pass_on(&mut self, ids: &[TransportId], part: f64) {
        for id in ids {
            if let Some(link) = self.links.get_mut(id) {
                link.pass_on(part);
            }
        }
    }

    /// Looks whether others see the same queue as this one does.
    fn compare(&mut self, id: TransportId, now: Instant) {
        let Some(queue) = self.links.get(&id).and_then(|link| link.report.queue) else { return };
        for (other, link) in &self.links {
            if let Some(other_queue) = link.report.queue
                && *other != id
                && now.saturating_duration_since(link.at) <= Likeness::FRESH
            {
                self.likeness.entry((id.min(*other), id.max(*other))).or_default().look(queue, other_queue);
            }
        }
    }

    /// Links by the lines that they share. Who is alike to one of a group is of it.
    fn groups(&self) -> Vec<Vec<TransportId>> {
        let mut groups: Vec<Vec<TransportId>> = self.links.keys().map(|id| vec![*id]).collect();
        for ((one, other), _) in self.likeness.iter().filter(|(_, likeness)| likeness.is_one_line()) {
            let place = |groups: &[Vec<TransportId>], id| groups.iter().position(|group| group.contains(id));
            if let (Some(first), Some(second)) = (place(&groups, one), place(&groups, other))
                && first != second
            {
                let joined = groups.swap_remove(first.max(second));
                if let Some(group) = groups.get_mut(first.min(second)) {
                    group.extend(joined);
                }
            }
        }
        groups
    }

    fn share_out(&mut self) {
        for group in self.groups().into_iter().filter(|group| group.len() > 1) {
            self.share_out_in(&group);
        }
    }

    /// Moves parts of what a line bears to who has too little of it.
    fn share_out_in(&mut self, group: &[TransportId]) {
        let links = || group.iter().filter_map(|id| Some((*id, self.links.get(id)?.report)));
        let share = like_share(links().map(|(_, report)| (report.used.bps() as f64, report.wants_more)));
        let lacks = |report: LinkReport| {
            let has = report.estimate.bps() as f64;
            if report.wants_more && has < share * LESS { (share - has) * STEP } else { 0.0 }
        };
        let spares = |report: LinkReport| (report.used.bps() as f64 - share).max(0.0);
        let lacking: f64 = links().map(|(_, report)| lacks(report)).sum();
        let spared: f64 = links().map(|(_, report)| spares(report)).sum();
        let moved = lacking.min(spared);
        if moved <= 0.0 {
            return;
        }
        let part = |report: LinkReport| {
            let has = report.estimate.bps() as f64;
            match spares(report) {
                // What was not used is no gift.
                spare if spare > 0.0 => (report.used.bps() as f64 - spare * moved / spared) / has,
                _ => 1.0 + lacks(report) * moved / lacking / has,
            }
        };
        let parts: Vec<_> = links().map(|(id, report)| (id, part(report))).filter(|(_, part)| *part != 1.0).collect();
        for (id, part) in parts {
            self.pass_on(&[id], part);
        }
    }
}

impl Link {
    fn new(report: LinkReport, now: Instant) -> Self {
        Self { report, at: now, queued: None, part: None }
    }

    fn pass_on(&mut self, part: f64) {
        self.part = Some(self.part.unwrap_or(1.0) * part);
        self.report.estimate = self.report.estimate.scaled(part);
        self.report.used = self.report.used.min(self.report.estimate);
    }
}

/// What each gets where all that is used is filled like water; given what each uses, and whether it wants more.
fn like_share(links: impl Iterator<Item = (f64, bool)> + Clone) -> f64 {
    let mut left: f64 = links.clone().map(|(used, _)| used).sum();
    let mut takers = links.clone().count();
    let mut content: Vec<f64> = links.filter(|(_, wants_more)| !wants_more).map(|(used, _)| used).collect();
    content.sort_by(f64::total_cmp);
    for used in content {
        if takers <= 1 || used >= left / takers as f64 {
            break;
        }
        left -= used;
        takers -= 1;
    }
    left / takers.max(1) as f64
}

#[cfg(test)]
#[path = "governor_tests.rs"]
mod tests;
