//! What all links of this client leave by, and who gets what of it.
//!
//! Each link estimates by itself. What none can know alone is told here. Links that see the same queue at the same time
//! share a bottleneck ([`SharedBottleneck`]; the idea of RFC 8382, with what is seen here: how long packets wait). What
//! these send is filled like water among them (coupled congestion control, RFC 8699): who has less than a like share
//! and could use more gets of those who have more. By themselves, of four links behind a narrow access link one can end
//! with nearly all of it: the others send too little to show that they could send more. A newcomer gets its part before
//! it sends a picture; at the rate that a link usually bears it would fill this one's queue, and everybody's sound
//! would wait in it. Owner of: what each link said last, and which of them share a bottleneck.
//!
//! What a peer reports is not trusted far: a link that is held down by what its peer asks for lacks nothing, nobody is
//! raised to more than four times of what it has in a second, and two links that are found to see different queues have
//! to see the same one ever longer before they count as sharing again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hearth_base::Bitrate;

use crate::sockets::TransportId;

/// Shares are looked at once in so long: what was given has been used by then, and reported.
const PAUSE: Duration = Duration::from_secs(1);
/// Who has less than this part of a like share gets more; of what is missing, so much at a time, and no more than so
/// many times what it has.
const LESS: f64 = 0.85;
const STEP: f64 = 0.5;
const RAISE: f64 = 3.0;
/// What was said longer ago counts no more.
const FRESH: Duration = Duration::from_secs(1);
/// How long it is remembered that a link was full, and in how many reports in a row it has to be.
const REMEMBERED: Duration = Duration::from_secs(120);
const FULL: u32 = 4;
/// What those who went leave is taken up at once as far as this, in parts of what the others have; then by growth.
const TAKEN_UP: f64 = 2.0;

/// What a link knows of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LinkReport {
    /// What it may send.
    pub(crate) estimate: Bitrate,
    /// What it sends of that: the same encoding goes to several, and another link may decide what it takes.
    pub(crate) used: Bitrate,
    /// Whether pictures of ours are sent that somebody looks at.
    pub(crate) has_pictures: bool,
    /// Whether it would send more if it might.
    pub(crate) wants_more: bool,
    /// How long its packets wait on the way; nothing where nobody reports it.
    pub(crate) queue: Option<Duration>,
}

/// Couples links that share a bottleneck.
#[derive(Debug, Default)]
pub(crate) struct Governor {
    links: BTreeMap<TransportId, Link>,
    /// Of two, the one with the lower id first.
    pairs: BTreeMap<(TransportId, TransportId), SharedBottleneck>,
    /// When shares were looked at last.
    looked: Option<Instant>,
}

/// One link.
#[derive(Debug)]
struct Link {
    report: LinkReport,
    at: Instant,
    /// Reports in a row in which its packets waited, and when they were enough last.
    waits: u32,
    full: Option<Instant>,
    /// Whether it got its part when its first picture was to be sent.
    has_begun: bool,
    /// Whether it shared a bottleneck when that was looked at last.
    is_coupled: bool,
    /// The part of its rate that it should go on with, because others came or went, or have too little; since when.
    part: Option<(f64, Instant)>,
}

/// How much two links see the same queue.
#[derive(Clone, Copy, Debug, Default)]
struct SharedBottleneck {
    /// Of the looks, 0 to 1, smoothed.
    alike: f64,
    looks: u32,
    is_shared: bool,
    /// How often they turned out to see different queues after all.
    errors: u32,
}

impl SharedBottleneck {
    /// While packets of neither wait longer there is nothing to see.
    const QUEUE: Duration = Duration::from_millis(15);
    /// The same queue, seen by packets that did not come at the same time, is about as long.
    const ABOUT: u32 = 3;
    /// What was seen longer ago is of another queue.
    const SAME_TIME: Duration = Duration::from_millis(150);
    /// What each look weighs; there are twenty a second, of each of the two.
    const WEIGHT: f64 = 0.05;
    /// Looks of half a second, and the part of them in which both saw the same; below the other one they do not share.
    const ENOUGH: u32 = 20;
    const ALIKE: f64 = 0.7;
    const UNLIKE: f64 = 0.5;
    /// So many times are the looks that are needed doubled.
    const MOST_ERRORS: u32 = 6;

    fn look(&mut self, one: Duration, other: Duration) {
        let (less, more) = (one.min(other), one.max(other));
        if more < Self::QUEUE {
            return;
        }
        let is_same = less * Self::ABOUT >= more;
        self.looks = self.looks.saturating_add(1);
        // The mean of all, as long as they are few.
        let weight = Self::WEIGHT.max(1.0 / f64::from(self.looks));
        self.alike += (f64::from(u8::from(is_same)) - self.alike) * weight;
        if self.alike < Self::UNLIKE {
            let errors = self.errors + u32::from(self.is_shared);
            *self = Self { errors: errors.min(Self::MOST_ERRORS), ..Self::default() };
        } else if self.looks >= Self::ENOUGH << self.errors && self.alike >= Self::ALIKE {
            self.is_shared = true;
        }
    }
}

impl Governor {
    /// A link says what it does. The part of its rate that it should go on with, where that is another.
    pub(crate) fn handle_report(&mut self, id: TransportId, report: LinkReport, now: Instant) -> Option<f64> {
        let link = self.links.entry(id).or_insert_with(|| Link::new(report, now));
        link.take(report, now);
        let begins = report.has_pictures && !link.has_begun;
        if begins {
            let first = self.first_rate(id, now).unwrap_or(report.estimate);
            let link = self.links.get_mut(&id)?;
            link.has_begun = true;
            if first < report.estimate {
                link.pass_on(first.bps() as f64 / report.estimate.bps() as f64, now);
            }
        }
        self.compare(id, now);
        if self.looked.is_none_or(|at| now.saturating_duration_since(at) >= PAUSE) {
            self.looked = Some(now);
            for group in self.groups(now) {
                let is_coupled = group.len() > 1;
                let links = self.links.iter_mut().filter(|(id, _)| group.contains(id));
                links.for_each(|(_, link)| link.is_coupled = is_coupled);
                if is_coupled {
                    self.share_out(&group, now);
                }
            }
        }
        let (part, at) = self.links.get_mut(&id)?.part.take()?;
        (now.saturating_duration_since(at) <= FRESH).then_some(part)
    }

    /// A link takes a path of which nothing is known: what it should begin with, where otherwise it would with `first`.
    /// Where it has pictures to send, those who share the bottleneck make room; who shared one before goes on with no
    /// more than it had, and takes nothing of others.
    pub(crate) fn handle_path(&mut self, id: TransportId, first: LinkReport, now: Instant) -> Bitrate {
        let old = self.forget(id);
        let known = match &old {
            Some(old) if old.has_begun => old.is_coupled.then_some(old.report.estimate),
            Some(_) | None if first.has_pictures => self.first_rate(id, now),
            Some(_) | None => None,
        };
        let begin = known.map_or(first.estimate, |known| known.min(first.estimate));
        let report = LinkReport { estimate: begin, used: begin, ..first };
        let has_begun = first.has_pictures || old.is_some_and(|old| old.has_begun);
        self.links.insert(id, Link { has_begun, ..Link::new(report, now) });
        begin
    }

    /// A link is no more. Those who shared the bottleneck with it take its part.
    pub(crate) fn handle_ended(&mut self, id: TransportId, now: Instant) {
        let group = self.groups(now).into_iter().find(|group| group.contains(&id)).unwrap_or_default();
        let Some(gone) = self.forget(id) else { return };
        let left: Vec<_> = group.into_iter().filter(|other| *other != id).collect();
        let rest = self.in_use(&left);
        if rest > 0 && gone.has_begun {
            let part = ((rest + gone.report.used.bps()) as f64 / rest as f64).min(TAKEN_UP);
            self.pass_on(&left, part, now);
        }
    }

    fn forget(&mut self, id: TransportId) -> Option<Link> {
        self.pairs.retain(|(one, other), _| *one != id && *other != id);
        self.links.remove(&id)
    }

    /// A newcomer's part of the bottleneck, where anything is known of it. The others make room.
    fn first_rate(&mut self, id: TransportId, now: Instant) -> Option<Bitrate> {
        let was_full = |link: &Link| link.full.is_some_and(|at| now.saturating_duration_since(at) < REMEMBERED);
        let sharing = self.groups(now).into_iter().map(|mut group| {
            group.retain(|other| *other != id);
            group
        });
        let largest = sharing.max_by_key(Vec::len).unwrap_or_default();
        let is_full = largest.iter().filter_map(|id| self.links.get(id)).any(was_full);
        if largest.len() > 1 && is_full {
            let (with_it, rate) = (largest.len() as u64 + 1, self.in_use(&largest));
            self.pass_on(&largest, largest.len() as f64 / with_it as f64, now);
            return Some(Bitrate::from_bps(rate / with_it));
        }
        // Whose link is narrow nobody knows where one was full: ours, or that of who is at the other end.
        let others = || self.links.iter().filter(|(other, link)| **other != id && link.has_begun).map(|(_, link)| link);
        let full = others().filter(|link| was_full(link)).map(|link| link.report.estimate.scaled(0.5)).max();
        full.filter(|_| others().all(was_full))
    }

    /// What they send together, or may where none of them sends as much; bits a second.
    fn in_use(&self, ids: &[TransportId]) -> u64 {
        let reports = || ids.iter().filter_map(|id| self.links.get(id)).map(|link| link.report);
        let is_used = reports().any(|report| report.wants_more);
        reports().map(|report| if is_used { report.used } else { report.estimate }).map(|rate| rate.bps()).sum()
    }

    fn pass_on(&mut self, ids: &[TransportId], part: f64, now: Instant) {
        for id in ids {
            if let Some(link) = self.links.get_mut(id) {
                link.pass_on(part, now);
            }
        }
    }

    /// Looks whether others see the same queue as this one does.
    fn compare(&mut self, id: TransportId, now: Instant) {
        let Some(queue) = self.links.get(&id).and_then(|link| link.report.queue) else { return };
        for (other, link) in &self.links {
            if let Some(other_queue) = link.report.queue
                && *other != id
                && now.saturating_duration_since(link.at) <= SharedBottleneck::SAME_TIME
            {
                self.pairs.entry((id.min(*other), id.max(*other))).or_default().look(queue, other_queue);
            }
        }
    }

    /// Links that say something, by the bottlenecks that they share. Who shares with one of a group is of it.
    fn groups(&self, now: Instant) -> Vec<Vec<TransportId>> {
        let is_fresh = |link: &Link| now.saturating_duration_since(link.at) <= FRESH;
        let mut groups: Vec<Vec<TransportId>> =
            self.links.iter().filter(|(_, link)| is_fresh(link)).map(|(id, _)| vec![*id]).collect();
        for ((one, other), _) in self.pairs.iter().filter(|(_, pair)| pair.is_shared) {
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

    /// Moves parts of what a bottleneck bears to who has too little of it.
    fn share_out(&mut self, group: &[TransportId], now: Instant) {
        let links = || group.iter().filter_map(|id| Some((*id, self.links.get(id)?.report)));
        let share = like_share(links().map(|(_, report)| (report.used.bps() as f64, report.wants_more)));
        let lacks = |report: LinkReport| {
            let has = report.estimate.bps() as f64;
            let is_short = report.wants_more && has < share * LESS;
            if is_short { ((share - has) * STEP).min(has * RAISE) } else { 0.0 }
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
            self.pass_on(&[id], part, now);
        }
    }
}

impl Link {
    fn new(report: LinkReport, now: Instant) -> Self {
        Self { report, at: now, waits: 0, full: None, has_begun: false, is_coupled: false, part: None }
    }

    fn take(&mut self, report: LinkReport, now: Instant) {
        (self.report, self.at) = (report, now);
        // It does not know yet what waits for it here.
        if let Some((part, _)) = self.part {
            self.report.scale(part);
        }
        let waits = report.queue.is_some_and(|queue| queue >= SharedBottleneck::QUEUE);
        self.waits = if waits { self.waits.saturating_add(1) } else { 0 };
        if self.waits >= FULL {
            self.full = Some(now);
        }
    }

    fn pass_on(&mut self, part: f64, now: Instant) {
        self.part = Some((self.part.map_or(1.0, |(before, _)| before) * part, now));
        self.report.scale(part);
    }
}

impl LinkReport {
    fn scale(&mut self, part: f64) {
        self.estimate = self.estimate.scaled(part);
        self.used = self.used.min(self.estimate);
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
