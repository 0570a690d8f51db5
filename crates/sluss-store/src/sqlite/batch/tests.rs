//! Every short batch, against the plainest account of what it should become.

use sluss_core::units::Millis;
use sluss_ledger::{Actor, ActorKind, StreamChecker};

use super::*;

/// The kinds of appends that batches are made of.
#[derive(Debug, Clone, Copy)]
enum Try {
    /// One event on `a`.
    One,
    /// One on each of `a` and `b`, if `a` has one event.
    Both,
    /// One on `b`, then one that is refused.
    Refused,
    /// Two on `b`, under a command key.
    Keyed,
    /// One on `a`, under a command key that the log has seen.
    Known,
}

const TRIES: [Try; 5] = [Try::One, Try::Both, Try::Refused, Try::Keyed, Try::Known];

fn request(what: Try) -> Request {
    let actor =
        Actor { kind: ActorKind::System, reference: Hash::ZERO, acts_for: None, login: None };
    let draft = |stream: &str| Draft::new(stream, "test.happened", actor.clone(), &Empty {});
    let (streams, preconditions, key) = match what {
        Try::One => (vec!["a"], vec![], None),
        Try::Both => (vec!["a", "b"], vec![("a".to_owned(), 1)], None),
        Try::Refused => (vec!["b", "NOT A STREAM"], vec![], None),
        Try::Keyed => (vec!["b", "b"], vec![], Some("key")),
        Try::Known => (vec!["a"], vec![], Some("known")),
    };
    let drafts = streams.into_iter().map(|stream| draft(stream).unwrap()).collect();
    let command_key = key.map(str::to_owned);
    Request { preconditions, drafts, command_key, reply: oneshot::channel().0 }
}

#[derive(serde::Serialize)]
struct Empty {}

/// What the batch should become: the streams of its rows, in order, and whether each append is
/// new (`n`), repeated (`r`), moved (`m`) or refused (`x`).
fn expected(tries: &[Try]) -> (Vec<&'static str>, String) {
    let (mut rows, mut answers) = (Vec::new(), String::new());
    for what in tries {
        let on_a = rows.iter().filter(|row| **row == "a").count();
        answers.push(match what {
            Try::One => {
                rows.push("a");
                'n'
            }
            Try::Both if on_a == 1 => {
                rows.extend(["a", "b"]);
                'n'
            }
            Try::Both => 'm',
            Try::Refused => 'x',
            Try::Keyed if tries_before(&answers, tries) => 'r',
            Try::Keyed => {
                rows.extend(["b", "b"]);
                'n'
            }
            Try::Known => 'r',
        });
    }
    (rows, answers)
}

fn tries_before(answers: &str, tries: &[Try]) -> bool {
    tries[..answers.len()].iter().any(|what| matches!(what, Try::Keyed))
}

fn check(tries: &[Try]) {
    let mut requests: Vec<_> = tries.iter().map(|what| request(*what)).collect();
    let (heads, stamp) = (HashMap::new(), Stamp { time: Millis(1), skew: false });
    let commands = HashMap::from([("known".to_owned(), Vec::new())]);
    let before = Before { size: 0, heads: &heads, commands: &commands };
    let plan = plan(&mut requests, before, stamp, || "id".to_owned());
    let answers: String = plan
        .answers
        .iter()
        .map(|answer| match answer {
            Answer::New(_) => 'n',
            Answer::Repeated(_) | Answer::Now(Ok(_)) => 'r',
            Answer::Now(Err(AppendError::Moved { .. })) => 'm',
            Answer::Now(Err(_)) => 'x',
        })
        .collect();
    let streams: Vec<_> = plan.rows.iter().map(|row| row.stream.as_str()).collect();
    let (rows, expected) = expected(tries);
    assert_eq!((streams, answers), (rows, expected), "{tries:?}");
    // The rows follow one another as an auditor wants them to.
    let mut checker = StreamChecker::new();
    for row in &plan.rows {
        checker.feed(row.position, &row.bytes).unwrap();
    }
    for (stream, head) in &plan.heads {
        let end = checker.stream(stream).unwrap();
        assert_eq!((head.next, head.hash), (end.seq + 1, end.hash), "{tries:?}");
    }
}

#[test]
fn every_short_batch_becomes_what_its_appends_would_one_by_one() {
    for length in 0..=4_u32 {
        for number in 0..5_usize.pow(length) {
            let tries: Vec<_> = (0..length).map(|at| TRIES[number / 5_usize.pow(at) % 5]).collect();
            check(&tries);
        }
    }
}
