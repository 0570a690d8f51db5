//! A small bank: an author, a second person and a visitor, and a change of its rules that waits.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use sluss_core::approval::Subject;
use sluss_core::config::{Demand, FourEyes, Organisation};
use sluss_core::decide::{Actor, Command};
use sluss_core::ids::{CommitId, PersonRef};
use sluss_core::state::State;
use sluss_engine::engine::{Engine, Parts};
use sluss_engine::forge::{Author, MAIN, NewCommit, NewFile, Repositories, RepositoryName};
use sluss_engine::pipeline::Catalogue;
use sluss_store::{
    Accounts, Clock, Entropy, FileBlobs, Log, LogOptions, NewAccount, NewToken, Prose, SqliteLog,
    SystemClock, SystemEntropy, attestation_key,
};
use sluss_web::app::{App, Seams, Settings};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::client::{Answer, Asked};

pub const PASSWORD: &str = "correct horse battery";

/// The bank, running.
pub struct Bank {
    pub app: App,
    pub to: SocketAddr,
    stop: oneshot::Sender<()>,
    served: tokio::task::JoinHandle<()>,
    folder: tempfile::TempDir,
}

impl Bank {
    pub async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let parts = parts(folder.path()).await;
        let engine = Engine::start(parts, State::default());
        let origin = "bank.example/log".to_owned();
        engine.report(Command::Open { origin, demo: false }).await.unwrap();
        let author = person(&engine, "author").await;
        let second = person(&engine, "second").await;
        person(&engine, "visitor").await;
        propose(&engine, organisation(&author, &second, "Bank"), &author, 1).await;
        propose(&engine, organisation(&author, &second, "Better bank"), &author, 2).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        let address = format!("http://{to}");
        let settings = Settings { demo: false, address };
        let app = App::new(engine, settings, Seams::default());
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move {
            stopped.await.ok();
        };
        let served = tokio::spawn(sluss_web::serve::serve(app.clone(), listener, shutdown));
        Self { app, to, stop, served, folder }
    }

    pub async fn send(&self, asked: Asked) -> Answer {
        asked.send(self.to).await
    }

    /// Signs in and returns the session's cookie.
    pub async fn sign_in(&self, login: &str) -> String {
        let form = Asked::form("/sign-in", &[("login", login), ("password", PASSWORD)]);
        let answer = self.send(form).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        answer.cookie()
    }

    /// Returns what the forms on a page of this session would bring along.
    pub async fn csrf(&self, cookie: &str) -> String {
        let session = self.app.engine.parts().accounts.session(cookie).await.unwrap().unwrap();
        sluss_web::forms::issue(&session.csrf, &self.app.engine.nonce(), self.app.engine.now())
    }

    pub async fn token(&self, login: &str, scopes: &[&str]) -> String {
        let scopes = scopes.iter().map(ToString::to_string).collect();
        let new = NewToken { name: "test".to_owned(), scopes, expires: None };
        self.app.engine.parts().accounts.create_token(login, new).await.unwrap().0
    }

    /// Returns the statement of the configuration that waits for a second person.
    pub fn statement(&self) -> String {
        let state = self.app.engine.state();
        let subject = "cfg-2".parse().unwrap();
        state.requests.get(&subject).unwrap().statement.to_string()
    }

    /// Proposes the configuration in the platform repository, with these files, as the author;
    /// returns which one it is.
    pub async fn proposes(&self, message: &str, files: &[(&str, &str)]) -> Subject {
        let parts = self.app.engine.parts();
        let objects = parts.repositories.ensure(&RepositoryName::platform()).await.unwrap();
        let plain = |text: &str| NewFile::Plain(text.as_bytes().to_vec());
        let (name, email) = ("Author".to_owned(), "author@bank.example".to_owned());
        let commit = NewCommit {
            files: files.iter().map(|(path, text)| ((*path).to_owned(), plain(text))).collect(),
            message: message.to_owned(),
            author: Author { name, email, time_ms: 0 },
        };
        let commit = objects.write_commit(MAIN, &commit).await.unwrap();
        let (author, organisation) = {
            let state = self.app.engine.state();
            let (_, first) = state.proposals.first_key_value().unwrap();
            (first.contributors.first().unwrap().clone(), first.organisation.clone())
        };
        propose_at(&self.app.engine, organisation, &author, commit).await;
        Subject::Configuration(*self.app.engine.state().proposals.last_key_value().unwrap().0)
    }

    /// Approves a configuration as the second person.
    pub async fn approves(&self, subject: Subject) {
        let engine = &self.app.engine;
        let who = engine.parts().accounts.find("second").await.unwrap().unwrap().person;
        let statement = engine.state().requests[&subject].statement.clone();
        let actor = Actor::Person { who, reauthenticated: true };
        engine.command(Command::Approve { subject, statement }, actor, None).await.unwrap();
    }

    /// Returns the refusals in the log: type, act or route, and why.
    pub async fn refusals(&self) -> Vec<String> {
        self.app.record_strangers().await;
        let events = self.app.engine.parts().log.read(0, 1000).await.unwrap();
        let line = |event: &sluss_store::Sealed| {
            let data: serde_json::Value = serde_json::from_str(event.body.get()).unwrap();
            let text = |name: &str| data[name].as_str().unwrap_or("-").to_owned();
            match event.kind.as_str() {
                "access.refused" => Some(format!("{}: {}", text("act"), text("why"))),
                "access.refused_counted" => {
                    Some(format!("{}: {} x{}", text("route"), text("why"), data["count"]))
                }
                _other => None,
            }
        };
        events.iter().filter_map(line).collect()
    }

    /// Stops the server as a signal does; the log stays as long as its folder is kept.
    pub async fn stop(self) -> (App, tempfile::TempDir) {
        self.stop.send(()).ok();
        self.served.await.unwrap();
        (self.app, self.folder)
    }
}

async fn parts(data: &Path) -> Parts {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let log = SqliteLog::open(LogOptions {
        data: data.to_owned(),
        origin: "bank.example/log".to_owned(),
        clock: Arc::clone(&clock),
        entropy: Arc::clone(&entropy),
    });
    let accounts = Accounts::open(data, Arc::clone(&clock), Arc::clone(&entropy));
    Parts {
        spare: data.join("spare"),
        data: data.to_owned(),
        log: Arc::new(log.await.unwrap()),
        blobs: FileBlobs::open(data).unwrap(),
        prose: Prose::open(data, Arc::clone(&entropy)).unwrap(),
        accounts: accounts.await.unwrap(),
        repositories: Repositories::open(&data.join("repositories"), &["true".to_owned()]).unwrap(),
        catalogue: Catalogue::built_in(),
        attestor: Arc::new(attestation_key(data, entropy.as_ref()).unwrap()),
        clock,
        entropy,
        program: "/bin/true".into(),
        address: "http://127.0.0.1".to_owned(),
    }
}

async fn person(engine: &Engine, login: &str) -> PersonRef {
    let new = NewAccount {
        login: login.to_owned(),
        name: format!("The {login}"),
        emails: vec![format!("{login}@bank.example")],
        password: PASSWORD.to_owned(),
    };
    engine.parts().accounts.create(new).await.unwrap().person
}

fn organisation(author: &PersonRef, second: &PersonRef, name: &str) -> Organisation {
    let both = || BTreeSet::from([author.clone(), second.clone()]);
    Organisation {
        name: name.to_owned(),
        four_eyes: FourEyes::Always,
        require: Demand::USUAL.into(),
        open_registration: false,
        products: BTreeMap::new(),
        services: BTreeMap::new(),
        developers: both(),
        approvers: both(),
        groups: BTreeMap::new(),
        approvals: Vec::new(),
        approval_hours: Organisation::APPROVAL_HOURS,
        approval_days: Organisation::APPROVAL_DAYS,
        by_key: false,
        sign_in_minutes: Organisation::SIGN_IN_MINUTES,
        training: BTreeMap::new(),
        findings: Default::default(),
        retention: Default::default(),
        not_applicable: Default::default(),
        calendar: None,
        policies: None,
        alarm: Default::default(),
        templates: BTreeMap::new(),
        template_gates: BTreeMap::new(),
        without_customers: BTreeSet::new(),
        policy: Default::default(),
    }
}

async fn propose(engine: &Engine, organisation: Organisation, by: &PersonRef, number: u8) {
    let commit = format!("{number:040x}").parse().unwrap();
    propose_at(engine, organisation, by, commit).await;
}

async fn propose_at(engine: &Engine, organisation: Organisation, by: &PersonRef, commit: CommitId) {
    let contributors = BTreeSet::from([by.clone()]);
    let nonce = engine.nonce();
    let command = Command::Propose { commit, organisation, contributors, nonce };
    let actor = Actor::Person { who: by.clone(), reauthenticated: false };
    engine.command(command, actor, None).await.unwrap();
}
