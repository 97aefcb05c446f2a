//! One device as it is wanted and as it is: what to do about the difference, and when.
//!
//! ```text
//!          choice                  opened
//! Off ------------> Opening --------------------> On
//!  ^                 ^    |                       |  |
//!  | choice Off      |    | refused, or silence   |  | nothing comes for two seconds
//!  |                 |    v                       |  v
//!  +-- any           +-- Failed <-----------------+ Stalled --something comes--> On
//!                  again, later   lost, stalled
//! ```
//! A device that fails is tried again, sooner when the list of devices changes. Sound follows what the system would
//! take, where that is wanted, or where what is wanted is not there. A camera is followed to no other (it would show
//! what nobody chose to show), and one that stalls is left open: its driver can be neither hurried nor opened twice.
//! Owner of: the phase. Opens nothing itself: it says what to do ([`Watch::poll`]), and is told what came of it. Knows
//! no clock: `now` is an argument.

use std::time::{Duration, Instant};

use hearth_base::{DeviceChoice, DeviceEntry, DeviceFault, DeviceId, DeviceKind, DeviceState};

/// How long an opening may take. A USB camera takes half a second, a Bluetooth headset two.
const OPENS: Duration = Duration::from_secs(5);
/// How long nothing may come of an open camera. In the dark one takes five pictures a second.
const NO_PICTURE: Duration = Duration::from_millis(1800);
/// And of a sound card, which calls a hundred times a second.
const NO_SOUND: Duration = Duration::from_millis(1200);
/// And of one that has not begun: a headset without wires takes its time.
const NO_BEGINNING: Duration = Duration::from_secs(3);
/// Until a device is tried again for the first time, and at most: twice as long each time.
const AGAIN: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));

/// What should be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SupervisorOrder {
    /// Close what is open or opening.
    Close,
    /// Open what is chosen. What comes of it bears this number.
    Open(u64, DeviceChoice),
}

#[derive(Clone, Debug)]
enum DevicePhase {
    Off,
    Opening { attempt: u64, until: Instant },
    On(Running),
    Stalled(Running),
    Failed { fault: DeviceFault, again: Instant },
}

#[derive(Clone, Debug)]
struct Running {
    attempt: u64,
    name: String,
    id: DeviceId,
    beats: u64,
    moved: Instant,
    /// Whether a list has held it: not every device that can be opened is one that people choose.
    was_listed: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Watch {
    kind: DeviceKind,
    desired: DeviceChoice,
    phase: DevicePhase,
    attempts: u64,
    /// Failures in a row, and the last of them: shown until it runs, however often it is tried.
    failures: u32,
    fault: Option<DeviceFault>,
    /// Whether something is still held that is not wanted any more.
    holds: bool,
    /// What there was when it was looked last.
    listed: Vec<DeviceId>,
}

impl Watch {
    pub(super) fn new(kind: DeviceKind) -> Self {
        Self {
            kind,
            desired: DeviceChoice::Off,
            phase: DevicePhase::Off,
            attempts: 0,
            failures: 0,
            fault: None,
            holds: false,
            listed: Vec::new(),
        }
    }

    /// What is wanted.
    pub(super) fn desired(&self) -> &DeviceChoice {
        &self.desired
    }

    /// What has become of it.
    pub(super) fn state(&self) -> DeviceState {
        match &self.phase {
            DevicePhase::Off => DeviceState::Off,
            DevicePhase::Opening { .. } => self.fault.clone().map_or(DeviceState::Opening, DeviceState::Failed),
            DevicePhase::On(running) => DeviceState::On { name: running.name.clone() },
            DevicePhase::Stalled(_) => DeviceState::Failed(DeviceFault::Stalled),
            DevicePhase::Failed { fault, .. } => DeviceState::Failed(fault.clone()),
        }
    }

    /// The opening that is under way or runs.
    pub(super) fn attempt(&self) -> Option<u64> {
        match &self.phase {
            DevicePhase::Opening { attempt, .. } => Some(*attempt),
            DevicePhase::On(running) | DevicePhase::Stalled(running) => Some(running.attempt),
            DevicePhase::Off | DevicePhase::Failed { .. } => None,
        }
    }

    /// A person chooses.
    pub(super) fn handle_choice(&mut self, choice: DeviceChoice, now: Instant) {
        if choice == self.desired {
            // Asked for once more: not to be answered with patience.
            self.hurry(now);
            return;
        }
        self.desired = choice;
        self.restart(DeviceFault::NoDevice, now);
    }

    /// An opening was answered.
    pub(super) fn handle_opened(
        &mut self,
        attempt: u64,
        opened: Result<(String, DeviceId), DeviceFault>,
        now: Instant,
    ) {
        if !matches!(self.phase, DevicePhase::Opening { attempt: wanted, .. } if wanted == attempt) {
            return; // another was chosen meanwhile
        }
        match opened {
            Ok((name, id)) => {
                let was_listed = self.listed.contains(&id);
                self.phase = DevicePhase::On(Running { attempt, name, id, beats: 0, moved: now, was_listed });
            }
            Err(fault) => self.fail(fault, now),
        }
    }

    /// An open device was lost.
    pub(super) fn handle_lost(&mut self, attempt: u64, fault: DeviceFault, now: Instant) {
        match &self.phase {
            DevicePhase::On(running) | DevicePhase::Stalled(running) if running.attempt == attempt => {
                self.fail(fault, now)
            }
            DevicePhase::Opening { attempt: wanted, .. } if *wanted == attempt => self.fail(fault, now),
            DevicePhase::Off
            | DevicePhase::Opening { .. }
            | DevicePhase::On(_)
            | DevicePhase::Stalled(_)
            | DevicePhase::Failed { .. } => {}
        }
    }

    /// So often something came of the open device so far.
    pub(super) fn handle_beats(&mut self, beats: u64, now: Instant) {
        let patience = match self.kind {
            DeviceKind::Camera => NO_PICTURE,
            DeviceKind::Microphone | DeviceKind::Speaker if beats == 0 => NO_BEGINNING,
            DeviceKind::Microphone | DeviceKind::Speaker => NO_SOUND,
        };
        let phase = std::mem::replace(&mut self.phase, DevicePhase::Off);
        self.phase = match phase {
            DevicePhase::On(mut running) | DevicePhase::Stalled(mut running) if running.beats != beats => {
                (running.beats, running.moved) = (beats, now);
                (self.failures, self.fault) = (0, None);
                DevicePhase::On(running)
            }
            DevicePhase::On(running) if now.saturating_duration_since(running.moved) >= patience => {
                DevicePhase::Stalled(running)
            }
            DevicePhase::Off => DevicePhase::Off,
            DevicePhase::Opening { attempt, until } => DevicePhase::Opening { attempt, until },
            DevicePhase::On(running) => DevicePhase::On(running),
            DevicePhase::Stalled(running) => DevicePhase::Stalled(running),
            DevicePhase::Failed { fault, again } => DevicePhase::Failed { fault, again },
        };
        if self.kind != DeviceKind::Camera && matches!(self.phase, DevicePhase::Stalled(_)) {
            self.fail(DeviceFault::Stalled, now);
        }
    }

    /// The list of devices is a different one.
    pub(super) fn handle_list(&mut self, list: &[DeviceEntry], now: Instant) {
        self.listed = list.iter().map(|entry| entry.id.clone()).collect();
        let default = || list.iter().find(|entry| entry.is_default).map(|entry| &entry.id);
        let meant = match &self.desired {
            _ if self.kind == DeviceKind::Camera => None,
            DeviceChoice::Off | DeviceChoice::Test | DeviceChoice::File(_) => None,
            DeviceChoice::Default => default(),
            DeviceChoice::Named(id) => list.iter().map(|entry| &entry.id).find(|found| *found == id).or_else(default),
        };
        match &mut self.phase {
            DevicePhase::On(running) if meant.is_some_and(|meant| *meant != running.id) => {
                self.restart(DeviceFault::Unplugged, now);
            }
            DevicePhase::On(running) if self.kind != DeviceKind::Camera => {
                let is_listed = self.listed.contains(&running.id);
                if running.was_listed && !is_listed {
                    // It goes on all the same: Pulse has put another in its place, which may be the speaker's own
                    // sound.
                    self.restart(DeviceFault::Unplugged, now);
                } else {
                    running.was_listed |= is_listed;
                }
            }
            DevicePhase::Failed { .. } => self.hurry(now),
            DevicePhase::Off | DevicePhase::Opening { .. } | DevicePhase::On(_) | DevicePhase::Stalled(_) => {}
        }
    }

    /// What should be done now; until there is nothing more.
    pub(super) fn poll(&mut self, now: Instant) -> Option<SupervisorOrder> {
        if let DevicePhase::Opening { until, .. } = self.phase
            && until <= now
        {
            self.fail(DeviceFault::Stalled, now);
        }
        let DevicePhase::Failed { again, .. } = &self.phase else { return None };
        if self.holds {
            self.holds = false;
            return Some(SupervisorOrder::Close);
        }
        if self.desired == DeviceChoice::Off {
            self.phase = DevicePhase::Off;
            return None;
        }
        if *again > now {
            return None;
        }
        self.attempts += 1;
        self.holds = true;
        self.phase = DevicePhase::Opening { attempt: self.attempts, until: now + OPENS };
        Some(SupervisorOrder::Open(self.attempts, self.desired.clone()))
    }

    fn fail(&mut self, fault: DeviceFault, now: Instant) {
        let wait = AGAIN.0.saturating_mul(2_u32.saturating_pow(self.failures)).min(AGAIN.1);
        self.failures += 1;
        self.fault = Some(fault.clone());
        self.phase = DevicePhase::Failed { fault, again: now + wait };
    }

    /// Begins again, as if nothing had failed.
    fn restart(&mut self, fault: DeviceFault, now: Instant) {
        (self.failures, self.fault) = (0, None);
        self.phase = DevicePhase::Failed { fault, again: now };
    }

    fn hurry(&mut self, now: Instant) {
        if let DevicePhase::Failed { again, .. } = &mut self.phase {
            *again = now.min(*again);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Now;

    /// A device in virtual time.
    struct Script {
        watch: Watch,
        start: Instant,
        millis: u64,
        open: Option<u64>,
        beats: u64,
    }

    impl Script {
        fn new(kind: DeviceKind) -> Self {
            Self { watch: Watch::new(kind), start: Now::read().monotonic, millis: 0, open: None, beats: 0 }
        }

        fn now(&self) -> Instant {
            self.start + Duration::from_millis(self.millis)
        }

        fn choose(&mut self, choice: DeviceChoice) -> &mut Self {
            self.watch.handle_choice(choice, self.now());
            self
        }

        /// Lets time pass, and counts how often it should be opened and closed.
        fn pass(&mut self, millis: u64) -> (u32, u32) {
            let mut orders = (0, 0);
            for _ in 0..=millis / 50 {
                while let Some(order) = self.watch.poll(self.now()) {
                    match order {
                        SupervisorOrder::Close => orders.1 += 1,
                        SupervisorOrder::Open(attempt, _) => {
                            orders.0 += 1;
                            self.open = Some(attempt);
                        }
                    }
                }
                self.millis += 50;
            }
            orders
        }

        fn answer(&mut self, answer: Result<&str, DeviceFault>) -> &mut Self {
            let opened = answer.map(|name| (name.to_owned(), DeviceId(name.to_owned())));
            self.watch.handle_opened(self.open.unwrap(), opened, self.now());
            self
        }

        fn beat(&mut self) -> &mut Self {
            self.beats += 1;
            self.silence()
        }

        fn silence(&mut self) -> &mut Self {
            self.watch.handle_beats(self.beats, self.now());
            self
        }

        fn list(&mut self, default: &str, others: &[&str]) -> &mut Self {
            let entry = |name: &str| DeviceEntry {
                id: DeviceId(name.into()),
                name: name.into(),
                is_default: name == default,
                is_monitor: false,
            };
            let list: Vec<_> = std::iter::once(entry(default)).chain(others.iter().map(|name| entry(name))).collect();
            self.watch.handle_list(&list, self.now());
            self
        }
    }

    fn on(name: &str) -> DeviceState {
        DeviceState::On { name: name.into() }
    }

    #[test]
    fn it_is_opened_closed_and_opened_again_as_it_is_chosen() {
        let mut script = Script::new(DeviceKind::Microphone);
        assert_eq!(script.choose(DeviceChoice::Default).pass(0), (1, 0));
        assert_eq!(script.watch.state(), DeviceState::Opening);
        assert_eq!(script.answer(Ok("a")).watch.state(), on("a"));
        assert_eq!(script.choose(DeviceChoice::Named(DeviceId("b".into()))).pass(0), (1, 1));
        assert_eq!(script.answer(Ok("b")).choose(DeviceChoice::Off).pass(1000), (0, 1));
        assert_eq!(script.watch.state(), DeviceState::Off);
    }

    #[test]
    fn an_answer_that_comes_after_another_choice_is_not_heard() {
        let mut script = Script::new(DeviceKind::Camera);
        script.choose(DeviceChoice::Default).pass(0);
        script.choose(DeviceChoice::Off).answer(Ok("a"));
        assert_eq!(script.pass(0), (0, 1));
        assert_eq!(script.watch.state(), DeviceState::Off);
    }

    #[test]
    fn a_fault_is_shown_until_it_runs_and_tried_less_and_less_often() {
        let mut script = Script::new(DeviceKind::Camera);
        script.choose(DeviceChoice::Default).pass(0);
        let mut opened = 0;
        for _ in 0..100 {
            script.answer(Err(DeviceFault::InUse));
            assert_eq!(script.watch.state(), DeviceState::Failed(DeviceFault::InUse));
            opened += script.pass(100).0;
            assert_eq!(script.watch.state(), DeviceState::Failed(DeviceFault::InUse));
        }
        assert!((7..=12).contains(&opened), "{opened} in 15 seconds");
        script.list("a", &[]);
        assert_eq!(script.pass(0).0, 1);
        assert_eq!(script.answer(Ok("a")).beat().watch.state(), on("a"));
    }

    #[test]
    fn a_silent_card_is_reopened_and_a_silent_camera_awaited() {
        for (kind, orders) in [(DeviceKind::Speaker, (1, 1)), (DeviceKind::Camera, (0, 0))] {
            let mut script = Script::new(kind);
            script.choose(DeviceChoice::Default).pass(0);
            script.answer(Ok("a")).beat().pass(1900);
            assert_eq!(script.silence().watch.state(), DeviceState::Failed(DeviceFault::Stalled), "{kind:?}");
            assert_eq!(script.pass(400), orders, "{kind:?}");
            script.answer(Ok("a")).beat();
            assert_eq!(script.watch.state(), on("a"), "{kind:?}");
        }
    }

    #[test]
    fn sound_follows_the_default_and_a_camera_does_not() {
        for (kind, choice, orders) in [
            (DeviceKind::Microphone, DeviceChoice::Default, (1, 1)),
            (DeviceKind::Microphone, DeviceChoice::Named(DeviceId("gone".into())), (1, 1)),
            (DeviceKind::Microphone, DeviceChoice::Named(DeviceId("a".into())), (0, 0)),
            (DeviceKind::Camera, DeviceChoice::Default, (0, 0)),
        ] {
            let mut script = Script::new(kind);
            script.choose(choice.clone()).pass(0);
            script.answer(Ok("a")).beat().list("b", &["a"]);
            assert_eq!(script.pass(0), orders, "{kind:?} {choice:?}");
        }
    }

    #[test]
    fn a_microphone_that_is_gone_is_not_taken_for_what_stands_in_its_place() {
        let mut script = Script::new(DeviceKind::Microphone);
        script.choose(DeviceChoice::Default).pass(0);
        script.answer(Ok("a")).beat();
        script.watch.handle_list(&[], script.now());
        assert_eq!(script.pass(0), (0, 0), "it was never one of a list");
        script.list("a", &[]).beat();
        script.watch.handle_list(&[], script.now());
        assert_eq!(script.pass(0), (1, 1));
    }

    #[test]
    fn what_never_answers_is_given_up() {
        let mut script = Script::new(DeviceKind::Speaker);
        script.choose(DeviceChoice::Default).pass(0);
        assert_eq!(script.pass(4900), (0, 0));
        assert_eq!(script.pass(500), (1, 1));
        assert_eq!(script.watch.state(), DeviceState::Failed(DeviceFault::Stalled));
    }
}
