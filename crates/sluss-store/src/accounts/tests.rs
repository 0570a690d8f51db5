//! The directory: people, passwords, sessions, tokens and secrets.

use super::*;
use crate::clock::{ManualClock, SeededEntropy};

struct World {
    accounts: Accounts,
    clock: Arc<ManualClock>,
    _data: tempfile::TempDir,
}

async fn world() -> World {
    let data = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(Millis(1_000_000_000)));
    let entropy = Arc::new(SeededEntropy::new(7));
    let accounts = Accounts::open(data.path(), clock.clone(), entropy).await.unwrap();
    World { accounts, clock, _data: data }
}

fn ada() -> NewAccount {
    NewAccount {
        login: "ada".to_owned(),
        name: "Ada".to_owned(),
        emails: vec!["Ada@Bank.example".to_owned()],
        password: "correct horse".to_owned(),
    }
}

#[tokio::test]
async fn someone_who_wrote_commits_before_having_an_account_is_the_same_person_after() {
    let World { accounts, _data, .. } = world().await;
    let outsider = accounts.ensure_outsider("ada@bank.example").await.unwrap();
    assert_eq!(outsider.login, None);
    assert_eq!(accounts.ensure_outsider("ADA@bank.example").await.unwrap(), outsider);
    let account = accounts.create(ada()).await.unwrap();
    assert_eq!(account.person, outsider.person);
    assert_eq!(account.name, "Ada");
    assert_eq!(accounts.find_by_ref(&account.person).await.unwrap(), Some(account.clone()));
    assert_eq!(accounts.find_by_email("ada@BANK.example").await.unwrap(), Some(account.clone()));
    assert!(matches!(accounts.create(ada()).await, Err(AccountError::LoginTaken(_))));
    let other = NewAccount { login: "eve".to_owned(), ..ada() };
    assert!(matches!(accounts.create(other).await, Err(AccountError::EmailTaken(_))));
    assert_eq!(accounts.all().await.unwrap(), std::slice::from_ref(&account));
    accounts.erase(&account.person).await.unwrap();
    assert_eq!(accounts.find_by_ref(&account.person).await.unwrap(), None);
    assert_eq!(accounts.find_by_email("ada@bank.example").await.unwrap(), None);
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used_and_when_it_is_old() {
    let World { accounts, clock, _data } = world().await;
    accounts.create(ada()).await.unwrap();
    let hour = 3_600_000;
    let first = accounts.sign_in("ada", "correct horse".to_owned()).await.unwrap();
    clock.advance(11 * hour);
    let session = accounts.session(&first.token).await.unwrap().unwrap();
    assert_eq!(session.csrf, first.session.csrf);
    clock.advance(11 * hour);
    assert!(accounts.session(&first.token).await.unwrap().is_some());
    clock.advance(12 * hour);
    assert!(accounts.session(&first.token).await.unwrap().is_none());
    let second = accounts.sign_in("ada", "correct horse".to_owned()).await.unwrap();
    for _ in 0..16 {
        clock.advance(10 * hour);
        assert!(accounts.session(&second.token).await.unwrap().is_some());
    }
    clock.advance(10 * hour);
    assert!(accounts.session(&second.token).await.unwrap().is_none());
    let third = accounts.sign_in("ada", "correct horse".to_owned()).await.unwrap();
    accounts.sign_out(&third.token).await.unwrap();
    assert!(accounts.session(&third.token).await.unwrap().is_none());
    assert!(accounts.session("").await.unwrap().is_none());
}

#[tokio::test]
async fn stepping_up_needs_the_password_again() {
    let World { accounts, clock, _data } = world().await;
    accounts.create(ada()).await.unwrap();
    let NewSession { token, session } =
        accounts.sign_in("ada", "correct horse".to_owned()).await.unwrap();
    clock.advance(60_000);
    let wrong = accounts.step_up(&token, "wrong horse".to_owned()).await;
    assert!(matches!(wrong, Err(AccountError::WrongCredentials)));
    assert_eq!(
        accounts.session(&token).await.unwrap().unwrap().authenticated,
        session.authenticated
    );
    accounts.step_up(&token, "correct horse".to_owned()).await.unwrap();
    let again = accounts.session(&token).await.unwrap().unwrap();
    assert_eq!(again.authenticated, session.authenticated.plus(60_000));
    accounts.set_password("ada", "another horse".to_owned()).await.unwrap();
    assert!(accounts.session(&token).await.unwrap().is_none());
}

#[tokio::test]
async fn failed_sign_ins_lock_known_and_unknown_logins_alike() {
    let World { accounts, clock, _data } = world().await;
    accounts.create(ada()).await.unwrap();
    for login in ["ada", "nobody"] {
        for _ in 0..5 {
            let failed = accounts.sign_in(login, "wrong horse".to_owned()).await;
            assert!(matches!(failed, Err(AccountError::WrongCredentials)), "{login}");
        }
        let locked = accounts.sign_in(login, "correct horse".to_owned()).await;
        assert!(matches!(locked, Err(AccountError::Locked { .. })), "{login}");
    }
    clock.advance(15_000);
    accounts.sign_in("ada", "correct horse".to_owned()).await.unwrap();
    let failed = accounts.sign_in("ada", "wrong horse".to_owned()).await;
    assert!(matches!(failed, Err(AccountError::WrongCredentials)));
    let outsider = accounts.ensure_outsider("bob@bank.example").await.unwrap();
    let failed = accounts.sign_in(&outsider.id, String::new()).await;
    assert!(matches!(failed, Err(AccountError::WrongCredentials)));
}

#[tokio::test]
async fn a_token_is_valid_until_it_expires_or_is_revoked() {
    let World { accounts, clock, _data } = world().await;
    let ada = accounts.create(ada()).await.unwrap();
    let expires = Some(clock.now().plus(1000));
    let new = |expires| NewToken {
        name: "ci".to_owned(),
        scopes: vec!["read".to_owned(), "push".to_owned()],
        expires,
    };
    let (short, _) = accounts.create_token("ada", new(expires)).await.unwrap();
    let (text, token) = accounts.create_token("ada", new(None)).await.unwrap();
    assert!(text.starts_with("sluss_") && text.len() == 49);
    assert!(accounts.token(&short).await.unwrap().is_some());
    clock.advance(1000);
    assert!(accounts.token(&short).await.unwrap().is_none());
    assert_eq!(accounts.token(&text).await.unwrap(), Some((token.clone(), ada)));
    accounts.revoke_token("ada", &token.id).await.unwrap();
    assert!(accounts.token(&text).await.unwrap().is_none());
    assert_eq!(accounts.tokens("ada").await.unwrap().len(), 2);
    let bad = NewToken { scopes: vec!["two words".to_owned()], ..new(None) };
    assert!(accounts.create_token("ada", bad).await.is_err());
}

#[tokio::test]
async fn secrets_are_per_service() {
    let World { accounts, _data, .. } = world().await;
    let (payments, cards) = ("payments".parse().unwrap(), "cards".parse().unwrap());
    accounts.set_secret(&payments, "DATABASE_URL", "one").await.unwrap();
    accounts.set_secret(&payments, "DATABASE_URL", "two").await.unwrap();
    let expected = [("DATABASE_URL".to_owned(), "two".to_owned())];
    assert_eq!(accounts.secrets(&payments).await.unwrap(), expected);
    assert!(accounts.secrets(&cards).await.unwrap().is_empty());
    assert!(accounts.set_secret(&cards, "not-a-name", "x").await.is_err());
    accounts.remove_secret(&payments, "DATABASE_URL").await.unwrap();
    assert!(accounts.secrets(&payments).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_database_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let World { _data: data, .. } = world().await;
    for file in ["accounts.db", "accounts.db-wal"] {
        let mode = std::fs::metadata(data.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}
