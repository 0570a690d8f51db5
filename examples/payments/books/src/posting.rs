//! Posting one request: look its key up, do it, record the answer; all inside the
//! caller's transaction.
//!
//! Whatever can be refused is refused before the first write, so that a refusal
//! leaves nothing behind but its recorded answer.

use crate::answer::{Answer, Outcome};
use crate::instruction::{
    AccountId, Cents, Instruction, Key, Millis, Opening, Payment, Reference, Request, TREASURY,
};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

type Result<T> = rusqlite::Result<T>;

/// Answers `request`: from the record where its key is known, else by doing it.
pub(crate) fn answer(books: &Connection, request: &Request, now: Millis) -> Result<Answer> {
    let text = serde_json::to_string(&request.instruction)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    if let Some((recorded, answer)) = recorded(books, &request.key)? {
        return Ok(if recorded == text { answer } else { Answer::key_reused() });
    }
    let key = &request.key;
    let answer = match &request.instruction {
        Instruction::Open(opening) => open(books, key, opening, now)?,
        Instruction::Transfer(payment) => transfer(books, key, "transfer", payment, now)?,
        Instruction::Hold(payment) => hold(books, payment)?,
        Instruction::Capture { hold } => capture(books, key, *hold, now)?,
        Instruction::Release { hold } => release(books, *hold)?,
        Instruction::Reverse { transfer } => reverse(books, key, *transfer, now)?,
    };
    books
        .prepare_cached(
            "INSERT INTO answers (key, request, outcome, body) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![key.as_str(), text, answer.outcome.as_str(), answer.body])?;
    Ok(answer)
}

fn recorded(books: &Connection, key: &Key) -> Result<Option<(String, Answer)>> {
    books
        .prepare_cached("SELECT request, outcome, body FROM answers WHERE key = ?1")?
        .query_row([key.as_str()], |row| {
            let word: String = row.get(1)?;
            let outcome = Outcome::parse(&word).ok_or_else(|| corrupt(1, &word))?;
            Ok((row.get(0)?, Answer { outcome, body: row.get(2)?, replayed: true }))
        })
        .optional()
}

fn open(books: &Connection, key: &Key, opening: &Opening, now: Millis) -> Result<Answer> {
    if available(books, &opening.id)?.is_some() {
        return Ok(Answer::refused(Outcome::Conflict, "account_exists", "it is open already"));
    }
    books
        .prepare_cached("INSERT INTO accounts (id) VALUES (?1)")?
        .execute([opening.id.as_str()])?;
    post(
        books,
        &Posting {
            key,
            kind: "opening",
            from: TREASURY,
            to: opening.id.as_str(),
            amount: opening.opening_cents,
            reference: "opening",
        },
        now,
    )?;
    Ok(Answer::applied(&serde_json::json!({
        "id": opening.id,
        "balance_cents": opening.opening_cents,
        "held_cents": 0,
    })))
}

fn transfer(
    books: &Connection,
    key: &Key,
    kind: &str,
    payment: &Payment,
    now: Millis,
) -> Result<Answer> {
    if let Some(refusal) = refusal(books, payment)? {
        return Ok(refusal);
    }
    let number = post(books, &Posting::of(key, kind, payment), now)?;
    Ok(Answer::transfer(number, kind, payment, now))
}

fn hold(books: &Connection, payment: &Payment) -> Result<Answer> {
    if let Some(refusal) = refusal(books, payment)? {
        return Ok(refusal);
    }
    hold_back(books, &payment.from, payment.amount_cents.as_i64())?;
    books
        .prepare_cached(
            "INSERT INTO holds (from_account, to_account, amount_cents, reference, state)
             VALUES (?1, ?2, ?3, ?4, 'open')",
        )?
        .execute(params![
            payment.from.as_str(),
            payment.to.as_str(),
            payment.amount_cents.as_i64(),
            payment.reference.as_str(),
        ])?;
    Ok(Answer::hold(books.last_insert_rowid(), payment, "open"))
}

fn capture(books: &Connection, key: &Key, hold: i64, now: Millis) -> Result<Answer> {
    let payment = match open_hold(books, hold)? {
        Ok(payment) => payment,
        Err(refusal) => return Ok(refusal),
    };
    end_hold(books, hold, &payment, "captured")?;
    let answer = transfer(books, key, "capture", &payment, now)?;
    assert!(answer.outcome == Outcome::Applied, "BUG: held money was not there to be captured");
    Ok(answer)
}

fn release(books: &Connection, hold: i64) -> Result<Answer> {
    let payment = match open_hold(books, hold)? {
        Ok(payment) => payment,
        Err(refusal) => return Ok(refusal),
    };
    end_hold(books, hold, &payment, "released")?;
    Ok(Answer::hold(hold, &payment, "released"))
}

fn reverse(books: &Connection, key: &Key, number: i64, now: Millis) -> Result<Answer> {
    let original = books
        .prepare_cached(
            "SELECT from_account, to_account, amount_cents, reference FROM transfers
             WHERE number = ?1 AND kind IN ('transfer', 'capture')",
        )?
        .query_row([number], payment)
        .optional()?;
    let Some(original) = original else {
        return Ok(Answer::refused(Outcome::NotFound, "no_such_transfer", "nothing to reverse"));
    };
    let reversed =
        books.prepare_cached("SELECT 1 FROM reversals WHERE transfer = ?1")?.exists([number])?;
    if reversed {
        return Ok(Answer::refused(Outcome::Conflict, "already_reversed", "it went back before"));
    }
    let back = Payment { from: original.to, to: original.from, ..original };
    let answer = transfer(books, key, "reversal", &back, now)?;
    if answer.outcome == Outcome::Applied {
        books
            .prepare_cached(
                "INSERT INTO reversals (transfer, by) VALUES (?1, last_insert_rowid())",
            )?
            .execute([number])?;
    }
    Ok(answer)
}

/// Says why the payment cannot be, or `None` where it can.
fn refusal(books: &Connection, payment: &Payment) -> Result<Option<Answer>> {
    let unknown = Answer::refused(Outcome::NotFound, "no_such_account", "nobody opened it");
    let Some(available) = available(books, &payment.from)? else { return Ok(Some(unknown)) };
    if self::available(books, &payment.to)?.is_none() {
        return Ok(Some(unknown));
    }
    if available < payment.amount_cents.as_i64() {
        let message = "the account's available balance is below the amount";
        return Ok(Some(Answer::refused(Outcome::Declined, "insufficient_funds", message)));
    }
    Ok(None)
}

fn available(books: &Connection, id: &AccountId) -> Result<Option<i64>> {
    books
        .prepare_cached("SELECT balance_cents - held_cents FROM accounts WHERE id = ?1")?
        .query_row([id.as_str()], |row| row.get(0))
        .optional()
}

fn open_hold(books: &Connection, hold: i64) -> Result<std::result::Result<Payment, Answer>> {
    let found = books
        .prepare_cached(
            "SELECT from_account, to_account, amount_cents, reference, state FROM holds
             WHERE number = ?1",
        )?
        .query_row([hold], |row| Ok((payment(row)?, row.get::<_, String>(4)?)))
        .optional()?;
    Ok(match found {
        None => Err(Answer::refused(Outcome::NotFound, "no_such_hold", "nothing was held")),
        Some((payment, state)) if state == "open" => Ok(payment),
        Some((_payment, state)) => {
            Err(Answer::refused(Outcome::Conflict, "hold_ended", &format!("it was {state}")))
        }
    })
}

fn end_hold(books: &Connection, hold: i64, payment: &Payment, state: &str) -> Result<()> {
    hold_back(books, &payment.from, -payment.amount_cents.as_i64())?;
    books
        .prepare_cached("UPDATE holds SET state = ?2 WHERE number = ?1")?
        .execute(params![hold, state])?;
    Ok(())
}

fn hold_back(books: &Connection, account: &AccountId, cents: i64) -> Result<()> {
    books
        .prepare_cached("UPDATE accounts SET held_cents = held_cents + ?2 WHERE id = ?1")?
        .execute(params![account.as_str(), cents])?;
    Ok(())
}

struct Posting<'a> {
    key: &'a Key,
    kind: &'a str,
    from: &'a str,
    to: &'a str,
    amount: Cents,
    reference: &'a str,
}

impl<'a> Posting<'a> {
    fn of(key: &'a Key, kind: &'a str, payment: &'a Payment) -> Self {
        Self {
            key,
            kind,
            from: payment.from.as_str(),
            to: payment.to.as_str(),
            amount: payment.amount_cents,
            reference: payment.reference.as_str(),
        }
    }
}

/// Writes a transfer with its two entries and returns its number.
fn post(books: &Connection, posting: &Posting<'_>, now: Millis) -> Result<i64> {
    let Posting { key, kind, from, to, amount, reference } = posting;
    books
        .prepare_cached(
            "INSERT INTO transfers
             (key, kind, from_account, to_account, amount_cents, reference, applied_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![key.as_str(), kind, from, to, amount.as_i64(), reference, now])?;
    let number = books.last_insert_rowid();
    for (account, cents) in [(from, -amount.as_i64()), (to, amount.as_i64())] {
        books
            .prepare_cached(
                "INSERT INTO entries (transfer, account, amount_cents) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![number, account, cents])?;
        books
            .prepare_cached("UPDATE accounts SET balance_cents = balance_cents + ?2 WHERE id = ?1")?
            .execute(params![account, cents])?;
    }
    Ok(number)
}

fn payment(row: &Row<'_>) -> Result<Payment> {
    let text = |column| row.get::<_, String>(column);
    Ok(Payment {
        from: AccountId::try_from(text(0)?).map_err(|error| corrupt(0, &error.to_string()))?,
        to: AccountId::try_from(text(1)?).map_err(|error| corrupt(1, &error.to_string()))?,
        amount_cents: Cents::try_from(row.get::<_, i64>(2)?)
            .map_err(|error| corrupt(2, &error.to_string()))?,
        reference: Reference::try_from(text(3)?).map_err(|error| corrupt(3, &error.to_string()))?,
    })
}

fn corrupt(column: usize, what: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, what.to_owned().into())
}
