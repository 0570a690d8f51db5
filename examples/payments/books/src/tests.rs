//! Claims about the books, each on books of its own in memory or in a fresh folder.

use crate::{Answer, Books, Cents, Instruction, Key, Opening, Outcome, Payment, Request};
use serde_json::{Value, json};

struct Desk {
    books: Books,
    keys: u32,
}

impl Desk {
    /// Opens books with `anna` and `bo`, 1,000 cents each.
    fn open() -> Self {
        let mut desk = Self { books: Books::in_memory().unwrap(), keys: 0 };
        for id in ["anna", "bo"] {
            assert_eq!(desk.ask(opening(id, 1_000)).outcome, Outcome::Applied);
        }
        desk
    }

    fn ask(&mut self, instruction: Instruction) -> Answer {
        self.keys += 1;
        let key = format!("key-{}", self.keys);
        self.ask_as(&key, instruction)
    }

    fn ask_as(&mut self, key: &str, instruction: Instruction) -> Answer {
        apply(&mut self.books, key, instruction)
    }

    fn balance(&self, id: &str) -> (i64, i64) {
        let account = self.books.account(&id.to_owned().try_into().unwrap()).unwrap().unwrap();
        (account.balance_cents, account.held_cents)
    }

    fn assert_balanced(&mut self) {
        let summary = self.books.summary().unwrap();
        assert!(summary.is_balanced(), "{summary:?}");
    }
}

fn apply(books: &mut Books, key: &str, instruction: Instruction) -> Answer {
    let request = Request { key: key.to_owned().try_into().unwrap(), instruction };
    books.apply([&request].into_iter(), 1_000).unwrap().remove(0)
}

fn opening(id: &str, cents: i64) -> Instruction {
    let id = id.to_owned().try_into().unwrap();
    Instruction::Open(Opening { id, opening_cents: cents.try_into().unwrap() })
}

fn payment(from: &str, to: &str, cents: i64) -> Payment {
    serde_json::from_value(json!({ "from": from, "to": to, "amount_cents": cents })).unwrap()
}

fn transfer(from: &str, to: &str, cents: i64) -> Instruction {
    Instruction::Transfer(payment(from, to, cents))
}

fn number(answer: &Answer) -> i64 {
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    body["id"].as_str().unwrap()[3..].parse().unwrap()
}

#[test]
fn a_transfer_moves_money_and_keeps_the_sum() {
    let mut desk = Desk::open();
    let answer = desk.ask(transfer("anna", "bo", 250));
    assert_eq!(answer.outcome, Outcome::Applied);
    assert_eq!((desk.balance("anna"), desk.balance("bo")), ((750, 0), (1_250, 0)));
    desk.assert_balanced();
}

#[test]
fn the_same_key_gets_the_same_answer_and_is_applied_once() {
    let mut desk = Desk::open();
    let first = desk.ask_as("once", transfer("anna", "bo", 10));
    let again = desk.ask_as("once", transfer("anna", "bo", 10));
    assert_eq!((again.replayed, &again.body), (true, &first.body));
    assert_eq!(desk.balance("anna"), (990, 0));
    desk.assert_balanced();
}

#[test]
fn the_same_key_twice_in_one_batch_is_applied_once() {
    let mut desk = Desk::open();
    let key = Key::try_from("twin".to_owned()).unwrap();
    let request = Request { key, instruction: transfer("anna", "bo", 10) };
    let answers = desk.books.apply([&request, &request].into_iter(), 5).unwrap();
    assert_eq!(answers[0].body, answers[1].body);
    assert_eq!(desk.balance("anna"), (990, 0));
}

#[test]
fn a_key_is_not_taken_for_another_request_and_keeps_its_answer() {
    let mut desk = Desk::open();
    let first = desk.ask_as("once", transfer("anna", "bo", 10));
    assert_eq!(desk.ask_as("once", transfer("anna", "bo", 11)).outcome, Outcome::KeyReused);
    assert_eq!(desk.ask_as("once", transfer("anna", "bo", 10)).body, first.body);
    assert_eq!(desk.balance("anna"), (990, 0));
}

#[test]
fn a_decline_is_remembered_even_when_the_money_comes_later() {
    let mut desk = Desk::open();
    let declined = desk.ask_as("big", transfer("anna", "bo", 1_001));
    assert_eq!(declined.outcome, Outcome::Declined);
    desk.ask(transfer("bo", "anna", 500));
    assert_eq!(desk.ask_as("big", transfer("anna", "bo", 1_001)).outcome, Outcome::Declined);
    assert_eq!(desk.balance("anna"), (1_500, 0));
    desk.assert_balanced();
}

#[test]
fn an_unknown_account_is_refused_on_either_side() {
    let mut desk = Desk::open();
    assert_eq!(desk.ask(transfer("anna", "nobody", 1)).outcome, Outcome::NotFound);
    assert_eq!(desk.ask(transfer("nobody", "anna", 1)).outcome, Outcome::NotFound);
    desk.assert_balanced();
}

#[test]
fn an_account_is_opened_once() {
    let mut desk = Desk::open();
    assert_eq!(desk.ask(opening("anna", 5)).outcome, Outcome::Conflict);
    assert_eq!(desk.ask(opening("treasury", 5)).outcome, Outcome::Conflict);
    assert_eq!(desk.balance("anna"), (1_000, 0));
}

#[test]
fn held_money_cannot_be_spent_and_is_captured_once() {
    let mut desk = Desk::open();
    let hold = number(&desk.ask(Instruction::Hold(payment("anna", "bo", 800))));
    assert_eq!(desk.balance("anna"), (1_000, 800));
    assert_eq!(desk.ask(transfer("anna", "bo", 201)).outcome, Outcome::Declined);
    assert_eq!(desk.ask(Instruction::Capture { hold }).outcome, Outcome::Applied);
    assert_eq!((desk.balance("anna"), desk.balance("bo")), ((200, 0), (1_800, 0)));
    assert_eq!(desk.ask(Instruction::Capture { hold }).outcome, Outcome::Conflict);
    assert_eq!(desk.ask(Instruction::Release { hold }).outcome, Outcome::Conflict);
    desk.assert_balanced();
}

#[test]
fn a_released_hold_gives_the_money_back() {
    let mut desk = Desk::open();
    let hold = number(&desk.ask(Instruction::Hold(payment("anna", "bo", 800))));
    assert_eq!(desk.ask(Instruction::Release { hold }).outcome, Outcome::Applied);
    assert_eq!(desk.balance("anna"), (1_000, 0));
    assert_eq!(desk.ask(Instruction::Release { hold: 99 }).outcome, Outcome::NotFound);
    desk.assert_balanced();
}

#[test]
fn a_transfer_is_reversed_once_and_a_reversal_never() {
    let mut desk = Desk::open();
    let sent = number(&desk.ask(transfer("anna", "bo", 300)));
    let back = desk.ask(Instruction::Reverse { transfer: sent });
    assert_eq!(back.outcome, Outcome::Applied);
    assert_eq!((desk.balance("anna"), desk.balance("bo")), ((1_000, 0), (1_000, 0)));
    assert_eq!(desk.ask(Instruction::Reverse { transfer: sent }).outcome, Outcome::Conflict);
    let reversal = Instruction::Reverse { transfer: number(&back) };
    assert_eq!(desk.ask(reversal).outcome, Outcome::NotFound);
    desk.assert_balanced();
}

#[test]
fn a_reversal_is_declined_when_the_money_is_gone_and_may_be_asked_again() {
    let mut desk = Desk::open();
    let sent = number(&desk.ask(transfer("anna", "bo", 300)));
    desk.ask(transfer("bo", "anna", 1_200));
    assert_eq!(desk.ask(Instruction::Reverse { transfer: sent }).outcome, Outcome::Declined);
    desk.ask(transfer("anna", "bo", 1_000));
    assert_eq!(desk.ask(Instruction::Reverse { transfer: sent }).outcome, Outcome::Applied);
    desk.assert_balanced();
}

#[test]
fn nonsense_does_not_parse() {
    assert!(Cents::try_from(0).is_err() && Cents::try_from(-1).is_err());
    assert!(Cents::try_from(i64::MAX).is_err());
    for (from, to) in [("anna", "anna"), ("treasury", "anna"), ("", "bo"), ("a b", "bo")] {
        let fields = json!({ "from": from, "to": to, "amount_cents": 1 });
        assert!(serde_json::from_value::<Payment>(fields).is_err(), "{from:?} to {to:?}");
    }
}

#[test]
fn applied_keys_are_paged_in_order_with_what_stands_for_them() {
    let mut desk = Desk::open();
    for key in ["p-3", "p-1", "p-2"] {
        desk.ask_as(key, transfer("anna", "bo", 7));
    }
    desk.ask_as("p-4", transfer("anna", "bo", 10_000));
    let page = desk.books.applied_keys("p-", 2).unwrap();
    let seen: Vec<_> =
        page.iter().map(|row| (row.key.as_str(), row.transfers, row.entries)).collect();
    assert_eq!(seen, [("p-1", 1, 2), ("p-2", 1, 2)]);
    let rest = desk.books.applied_keys("p-2", 9).unwrap();
    assert_eq!((rest.len(), rest[0].amount_cents), (1, 7));
}

#[test]
fn two_connections_share_one_file_and_one_memory() {
    let folder = std::env::temp_dir().join(format!("books-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("shared.db");
    let (mut old, mut new) = (Books::open(&file).unwrap(), Books::open(&file).unwrap());
    apply(&mut old, "open-anna", opening("anna", 100));
    apply(&mut new, "open-bo", opening("bo", 100));
    let first = apply(&mut old, "once", transfer("anna", "bo", 60));
    let again = apply(&mut new, "once", transfer("anna", "bo", 60));
    assert_eq!((first.body, again.replayed), (again.body, true));
    assert!(new.summary().unwrap().is_balanced());
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn many_may_open_the_same_new_file_at_once() {
    let folder = std::env::temp_dir().join(format!("books-race-{}", std::process::id()));
    for round in 0..10 {
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("{round}.db"));
        std::thread::scope(|scope| {
            for opener in 0..4 {
                let file = &file;
                scope.spawn(move || {
                    let mut books = Books::open(file).unwrap();
                    apply(&mut books, &format!("open-{opener}"), opening(&opener.to_string(), 5));
                });
            }
        });
        assert_eq!(Books::open(&file).unwrap().summary().unwrap().accounts, 5);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Drives random instructions, many under repeated keys, against a small oracle:
/// what each account must have if every applied key counts once.
#[test]
fn any_sequence_keeps_the_books() {
    for seed in 1..=40u64 {
        let mut draw = Draw(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut desk = Desk::open();
        desk.ask(opening("cleo", 1_000));
        let mut answers = std::collections::HashMap::new();
        for _step in 0..60 {
            let (key, instruction) = draw.request();
            let text = serde_json::to_string(&instruction).unwrap();
            let answer = desk.ask_as(&key, instruction);
            match answers.get(&key) {
                None => drop(answers.insert(key, (text, answer))),
                Some((first, given)) if *first == text => {
                    assert_eq!(given.body, answer.body, "seed {seed}");
                    assert!(answer.replayed, "seed {seed}");
                }
                Some(_other) => assert_eq!(answer.outcome, Outcome::KeyReused, "seed {seed}"),
            }
        }
        let total: i64 = ["anna", "bo", "cleo"].iter().map(|id| desk.balance(id).0).sum();
        assert_eq!(total, 3_000, "seed {seed}");
        desk.assert_balanced();
    }
}

struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn request(&mut self) -> (String, Instruction) {
        let key = format!("draw-{}", self.below(40));
        let accounts = ["anna", "bo", "cleo"];
        let from = self.below(3);
        let to = (from + 1 + self.below(2)) % 3;
        let cents = i64::try_from(1 + self.below(600)).unwrap();
        let payment = payment(accounts[from as usize], accounts[to as usize], cents);
        let number = i64::try_from(1 + self.below(8)).unwrap();
        let instruction = match self.below(6) {
            0 | 1 => Instruction::Transfer(payment),
            2 => Instruction::Hold(payment),
            3 => Instruction::Capture { hold: number },
            4 => Instruction::Release { hold: number },
            _ => Instruction::Reverse { transfer: number + 3 },
        };
        (key, instruction)
    }
}

/// What "durable" rests on: a commit returns only after the log of the file was synced.
#[test]
fn a_commit_waits_for_the_disk() {
    let file = std::env::temp_dir().join(format!("books-{}-durable.db", std::process::id()));
    let books = Books::open(&file).unwrap();
    let pragma = |name: &str| {
        let sql = format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}");
        books.connection.query_row(&sql, [], |row| row.get::<_, String>(0)).unwrap()
    };
    assert_eq!(pragma("journal_mode"), "wal");
    // SQLite's number for FULL: in WAL mode, the log is synced with each commit.
    assert_eq!(pragma("synchronous"), "2");
    drop(books);
    std::fs::remove_file(file).unwrap();
}
