//! A log and its witness over a bad line: honest logs end cosigned, others end in an alarm.

use proptest::prelude::*;

use super::*;
use crate::cosignature::WitnessKey;
use crate::hash::Hash;
use crate::note::LogKey;
use crate::tree::MemoryTree;
use crate::witness::WitnessState;

/// A log, its witness and what the log knows of it.
struct World {
    leaves: Vec<Hash>,
    witness: WitnessState,
    view: WitnessView,
    clock: u64,
}

/// What the line does to a dialogue.
#[derive(Debug, Clone, Copy)]
enum Line {
    Good,
    RequestLost,
    AnswerLost,
}

fn log_key() -> LogKey {
    LogKey::from_seed("log.example/1".parse().unwrap(), [1; 32])
}

fn witness_key() -> WitnessKey {
    WitnessKey::from_seed("witness.example/w1".parse().unwrap(), [2; 32])
}

impl World {
    fn new() -> Self {
        Self {
            leaves: vec![],
            witness: WitnessState::new("log.example/1".parse().unwrap()),
            view: WitnessView::new(witness_key().verifier(), 0),
            clock: 0,
        }
    }

    fn append(&mut self, leaves: u64, history: u8) {
        for _ in 0..leaves {
            let leaf = [&[history][..], &self.leaves.len().to_be_bytes()].concat();
            self.leaves.push(Hash::leaf(&leaf));
        }
    }

    /// One request and its answer; nothing where the line lost either.
    fn dialogue(&mut self, line: Line) -> Option<WitnessSaid> {
        let tree: MemoryTree = self.leaves.iter().copied().collect();
        let head = tree.frontier().head();
        let checkpoint = Checkpoint { origin: "log.example/1".parse().unwrap(), head };
        let note = checkpoint.sign(&log_key()).unwrap();
        let asked = self.view.ask(&note, &tree).unwrap();
        // What is sent is bytes.
        let body = asked.request().to_string();
        let received = AddCheckpoint::parse(body.as_bytes()).unwrap();
        if matches!(line, Line::RequestLost) {
            return None;
        }
        self.clock += 1;
        let answer = match self.witness.decide(&[log_key().verifier()], &received) {
            Ok(extension) => {
                self.witness = extension.state();
                WitnessAnswer::Cosigned(vec![extension.cosign(&witness_key(), self.clock)])
            }
            Err(refusal) => refusal.answer(),
        };
        if matches!(line, Line::AnswerLost) {
            return None;
        }
        let body = answer.body().unwrap_or_default();
        let answer = WitnessAnswer::parse(answer.status(), answer.content_type(), body.as_bytes());
        Some(self.view.hear(&asked, &answer.unwrap(), head.size))
    }

    /// Asks over a good line until there is an outcome, which takes two dialogues at most.
    fn settle(&mut self) -> WitnessSaid {
        for _ in 0..2 {
            match self.dialogue(Line::Good).unwrap() {
                WitnessSaid::Again => {}
                outcome => return outcome,
            }
        }
        panic!("the log asks for ever");
    }
}

#[test]
fn a_log_that_knows_nothing_of_its_witness_learns_the_size_and_is_cosigned() {
    let mut world = World::new();
    world.append(7, 0);
    assert!(matches!(world.settle(), WitnessSaid::Cosigned(line) if line.seconds() == 1));
    world.view = WitnessView::new(witness_key().verifier(), 0);
    world.append(5, 0);
    assert_eq!(world.dialogue(Line::Good), Some(WitnessSaid::Again));
    assert_eq!(world.view.size(), 7);
    assert!(matches!(world.dialogue(Line::Good), Some(WitnessSaid::Cosigned(_))));
    assert_eq!(world.view.size(), 12);
}

#[test]
fn a_log_restored_from_yesterday_is_found_out_whether_it_remembers_or_not() {
    for remembers in [true, false] {
        let mut world = World::new();
        world.append(7, 0);
        let _ = world.settle();
        world.leaves.truncate(4);
        if !remembers {
            world.view = WitnessView::new(witness_key().verifier(), 0);
        }
        let WitnessSaid::WitnessAlarm(alarm) = world.settle() else { panic!("no alarm") };
        let origin = "log.example/1".parse().unwrap();
        assert_eq!(alarm, WitnessAlarm::RolledBack { origin, witness: 7, log: 4 });
        assert!(alarm.stops_appends());
    }
}

#[test]
fn a_log_whose_past_was_changed_is_found_out_at_its_next_checkpoint() {
    for after in [3, 4, 50] {
        let mut world = World::new();
        world.append(7, 0);
        let _ = world.settle();
        world.leaves.truncate(4);
        world.append(after, 1);
        let WitnessSaid::WitnessAlarm(alarm) = world.settle() else { panic!("no alarm") };
        assert_eq!(
            alarm,
            WitnessAlarm::Forked { origin: "log.example/1".parse().unwrap(), size: 7 }
        );
        assert!(alarm.stops_appends());
    }
}

#[test]
fn a_witness_that_forgot_is_not_asked_to_sign_anew() {
    let mut world = World::new();
    world.append(7, 0);
    let _ = world.settle();
    world.witness = WitnessState::new("log.example/1".parse().unwrap());
    let WitnessSaid::WitnessAlarm(alarm) = world.settle() else { panic!("no alarm") };
    let origin = "log.example/1".parse().unwrap();
    assert_eq!(alarm, WitnessAlarm::WitnessRolledBack { origin, before: 7, now: 0 });
    assert!(!alarm.stops_appends());
}

#[test]
fn an_answer_about_an_old_checkpoint_is_no_alarm_while_the_log_is_beyond() {
    let mut world = World::new();
    world.append(4, 0);
    let tree: MemoryTree = world.leaves.iter().copied().collect();
    let head = tree.frontier().head();
    let checkpoint = Checkpoint { origin: "log.example/1".parse().unwrap(), head };
    let asked = world.view.ask(&checkpoint.sign(&log_key()).unwrap(), &tree).unwrap();
    assert_eq!(world.view.hear(&asked, &WitnessAnswer::OtherSize(7), 9), WitnessSaid::Again);
    assert_eq!(world.view.size(), 7);
    assert_eq!(world.view.hear(&asked, &WitnessAnswer::OtherSize(7), 9), WitnessSaid::Again);
    let alarm = world.view.hear(&asked, &WitnessAnswer::OtherSize(10), 9);
    assert!(matches!(
        alarm,
        WitnessSaid::WitnessAlarm(WitnessAlarm::RolledBack { witness: 10, log: 9, .. })
    ));
}

#[test]
fn what_a_witness_cannot_mean_is_tried_later() {
    let mut world = World::new();
    world.append(4, 0);
    let tree: MemoryTree = world.leaves.iter().copied().collect();
    let head = tree.frontier().head();
    let checkpoint = Checkpoint { origin: "log.example/1".parse().unwrap(), head };
    let asked = world.view.ask(&checkpoint.sign(&log_key()).unwrap(), &tree).unwrap();
    let other = WitnessKey::from_seed("witness.example/w1".parse().unwrap(), [3; 32]);
    let larger =
        Checkpoint { head: crate::tree::TreeHead { size: 5, ..head }, ..checkpoint.clone() };
    for (answer, trouble) in [
        (WitnessAnswer::Cosigned(vec![]), WitnessTrouble::NotCosigned),
        (WitnessAnswer::Cosigned(vec![other.cosign(&checkpoint, 1)]), WitnessTrouble::NotCosigned),
        (
            WitnessAnswer::Cosigned(vec![witness_key().cosign(&larger, 1)]),
            WitnessTrouble::NotCosigned,
        ),
        (WitnessAnswer::OtherSize(0), WitnessTrouble::Contradiction),
        (WitnessAnswer::UnknownKey, WitnessTrouble::UnknownKey),
        (WitnessAnswer::UnknownLog, WitnessTrouble::UnknownLog),
        (WitnessAnswer::Malformed, WitnessTrouble::Malformed),
        (WitnessAnswer::Other(503), WitnessTrouble::Status(503)),
    ] {
        assert_eq!(world.view.hear(&asked, &answer, 4), WitnessSaid::Later(trouble), "{answer:?}");
    }
    assert_eq!(world.view.size(), 0);
}

fn line() -> impl Strategy<Value = Line> {
    prop_oneof![Just(Line::Good), Just(Line::RequestLost), Just(Line::AnswerLost)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_honest_log_is_cosigned_over_any_line_and_never_accused(
        days in prop::collection::vec((0_u64..20, line(), any::<bool>()), 1..30),
    ) {
        let mut world = World::new();
        for (appended, line, forgets) in days {
            world.append(appended, 0);
            if forgets {
                world.view = WitnessView::new(witness_key().verifier(), 0);
            }
            let said = world.dialogue(line);
            prop_assert!(!matches!(said, Some(WitnessSaid::WitnessAlarm(_) | WitnessSaid::Later(_))), "{said:?}");
        }
        prop_assert!(matches!(world.settle(), WitnessSaid::Cosigned(_)));
        prop_assert_eq!(world.view.size(), world.leaves.len() as u64);
    }

    #[test]
    fn a_log_that_lost_or_changed_cosigned_entries_is_never_cosigned_again(
        cosigned in 1_u64..60,
        kept in 0_u64..60,
        appended in 0_u64..60,
        lines in prop::collection::vec(line(), 0..5),
        forgets in any::<bool>(),
    ) {
        prop_assume!(kept < cosigned);
        let mut world = World::new();
        world.append(cosigned, 0);
        let _ = world.settle();
        world.leaves.truncate(kept as usize);
        world.append(appended, 1);
        if forgets {
            world.view = WitnessView::new(witness_key().verifier(), 0);
        }
        for line in lines {
            let said = world.dialogue(line);
            prop_assert!(!matches!(said, Some(WitnessSaid::Cosigned(_) | WitnessSaid::Later(_))), "{said:?}");
        }
        match world.settle() {
            WitnessSaid::WitnessAlarm(WitnessAlarm::RolledBack { witness, log, .. }) => {
                prop_assert_eq!((witness, log), (cosigned, kept + appended));
                prop_assert!(kept + appended < cosigned);
            }
            WitnessSaid::WitnessAlarm(WitnessAlarm::Forked { size, .. }) => prop_assert_eq!(size, cosigned),
            other => prop_assert!(false, "{other:?}"),
        }
    }
}
