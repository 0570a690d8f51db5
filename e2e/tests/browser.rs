//! The story's main pages, in a real browser, on real changes: a second person decides on a page,
//! and a bad release is seen being taken back, without a reload.
//!
//! Screenshots are left in `target/screenshots`, for people to look at.

#[path = "browser/keys.rs"]
mod keys;

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use e2e::{Customers, Repository, Sluss, answer, free_port, wait_for};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(90);

/// A browser of the test's own; both it and its driver end with the value.
struct Browser {
    _process: Driver,
    /// Where its driver is.
    driver: String,
    _profile: tempfile::TempDir,
    client: Client,
}

impl Browser {
    async fn start() -> Self {
        let port = free_port();
        let process = Driver::start(port);
        let profile = tempfile::tempdir().expect("a folder can be made");
        let arguments = json!([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1440,900",
            format!("--user-data-dir={}", profile.path().display()),
        ]);
        let mut capabilities = serde_json::Map::new();
        capabilities.insert("goog:chromeOptions".to_owned(), json!({ "args": arguments }));
        let url = format!("http://127.0.0.1:{port}");
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities);
        for _ in 0..200 {
            if let Ok(client) = builder.connect(&url).await {
                return Self { _process: process, driver: url, _profile: profile, client };
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("chromedriver does not answer");
    }

    async fn open(&self, sluss: &Sluss, path: &str) {
        self.client.goto(&format!("{}{path}", sluss.url())).await.expect("a page opens");
    }

    /// What the page says; nothing while another one is on its way.
    async fn text(&self) -> String {
        match self.client.find(Locator::Css("main")).await {
            Ok(main) => main.text().await.unwrap_or_default(),
            Err(_on_its_way) => String::new(),
        }
    }

    /// Waits until the page says `words`, without loading it again.
    async fn says(&self, words: &str) -> String {
        for _ in 0..PATIENCE.as_secs() * 5 {
            let text = self.text().await;
            if text.to_lowercase().contains(&words.to_lowercase()) {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("the page never said `{words}`: {}", self.text().await);
    }

    async fn fill(&self, field: &str, value: &str) {
        let field = self.client.find(Locator::Css(&format!("main [name={field}]"))).await;
        let field = field.expect("the form has this field");
        field.send_keys(value).await.expect("the field takes text");
    }

    async fn press(&self, selector: &str) {
        let button = self.client.find(Locator::Css(selector)).await.expect("there is a button");
        button.click().await.expect("it can be pressed");
    }

    async fn sign_in(&self, sluss: &Sluss, login: &str, password: &str) {
        self.client.delete_all_cookies().await.expect("cookies can be deleted");
        self.open(sluss, "/sign-in").await;
        self.fill("login", login).await;
        self.fill("password", password).await;
        self.press("main form.stack button").await;
        self.client.wait().for_element(Locator::Css("nav")).await.expect("signed in");
    }

    /// Takes a picture at both widths.
    async fn picture(&self, name: &str) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        for (width, height) in [(1440, 900), (390, 844)] {
            self.client.set_window_size(width, height).await.expect("a window has a size");
            let script = "return document.documentElement.scrollWidth - window.innerWidth";
            let over = self.client.execute(script, vec![]).await.expect("a script runs");
            let picture = self.client.screenshot().await.expect("a picture is taken");
            std::fs::write(folder.join(format!("{name}-{width}.png")), picture)
                .expect("a picture can be written");
            assert!(over.as_i64() <= Some(0), "{name} scrolls sideways at {width}: {over}");
        }
        self.client.set_window_size(1440, 900).await.expect("a window has a size");
    }
}

/// A driver of browsers, which ends with the value.
struct Driver(Child);

impl Driver {
    fn start(port: u16) -> Self {
        // A group of its own: the driver that is killed leaves its browser behind.
        let child = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .process_group(0)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.expect("chromedriver is installed (Debian: chromium-driver)"))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        Command::new("kill").args(["-KILL", "--", &group]).status().ok();
        self.0.wait().ok();
    }
}

const ORGANISATION: &str = "\
name: Test bank
four_eyes: first-release
require: []
open_registration: true
people:
  ada: [developer, approver]
  bo: [developer, approver]
";

/// Starts a Sluss in which a first release asks a second person: bo.
fn bank() -> Sluss {
    let sluss = Sluss::up();
    sluss.account("bo", "bo-is-the-second");
    let platform = Repository::of(&sluss.scratch("platform"));
    platform.pull(&sluss.remote("platform"));
    platform.write("organisation.yaml", ORGANISATION);
    platform.commit("Ask a second person");
    let (pushed, said) = platform.push(&sluss.remote("platform"), "main");
    assert!(pushed, "{said}");
    wait_for("the policy is active", PATIENCE, || {
        (sluss.get("/api/v1/status")?["organisation"] == "Test bank").then_some(())
    });
    sluss
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_person_decides_and_a_bad_release_is_seen_being_taken_back() {
    let sluss = bank();
    let port = free_port();
    let repository = Repository::begin(&sluss.scratch("vault"), "vault", port, "progressive");
    repository.service("version-1", "0.0");
    repository.commit("VLT-1: begin the vault, which has a rather long title to see how it wraps");
    assert!(repository.push(&sluss.remote("vault"), "main").0);

    let browser = Browser::start().await;
    browser.picture_of_sign_in(&sluss).await;
    browser.sign_in(&sluss, "ada", &sluss.password).await;
    browser.open(&sluss, "/").await;
    browser.says("VLT-1").await;
    browser.says("bo").await;
    browser.picture("board-waiting").await;
    browser.open(&sluss, "/deployments/dep-2").await;
    browser.says("second person").await;
    assert!(browser.client.find(Locator::Css("[name=decision]")).await.is_err(), "no own approval");

    browser.sign_in(&sluss, "bo", "bo-is-the-second").await;
    browser.open(&sluss, "/approvals").await;
    browser.says("vault").await;
    browser.picture("approvals").await;
    browser.open(&sluss, "/deployments/dep-2").await;
    browser.says("exact statement").await;
    browser.picture("approval").await;
    browser.fill("password", "not-the-password").await;
    browser.press("[name=decision][value=approve]").await;
    browser.says("password").await;
    browser.approves_by_keyboard(&sluss).await;
    wait_for("the first version answers", PATIENCE, || answer(port, "/ready"));
    let customers = Customers::begin(port, 8, Duration::from_millis(20));
    browser.open(&sluss, "/deployments/dep-2").await;
    browser.says("keeps its objectives").await;
    browser.picture("first-release").await;
    browser.open(&sluss, "/changes/chg-1").await;
    browser.says("live").await;
    browser.picture("change").await;

    repository.service("version-2", "0.2");
    repository.commit("VLT-2: a bad version");
    assert!(repository.push(&sluss.remote("vault"), "main").0);
    browser.open(&sluss, "/deployments/dep-4").await;
    for _ in 0..50 {
        if !browser.text().await.contains("There is no") {
            break;
        }
        browser.open(&sluss, "/deployments/dep-4").await;
    }
    browser.says("10 %").await;
    browser.picture("rollout").await;
    browser.says("rolled back").await;
    browser.picture("rolled-back").await;
    drop(customers);
    browser.look_around(&sluss).await;
    browser.client.clone().close().await.ok();
}

impl Browser {
    /// Bo decides in the inbox, and touches nothing but keys.
    async fn approves_by_keyboard(&self, sluss: &Sluss) {
        let password = ("bo", "bo-is-the-second");
        let waits = sluss.get_as("/api/v1/inbox", password).expect("the inbox answers");
        let release = &waits["waiting"][0]["release"];
        assert_eq!(waits["waiting"][0]["approval"]["subject"], "dep-2", "{waits}");
        assert_eq!(release["difference"]["commits"], 1, "{waits}");
        let paths = release["difference"]["paths"].as_array().expect("files differ");
        assert!(paths.contains(&json!("sluss.yaml")), "{waits}");
        assert!(release["tests_passed"].as_u64() > Some(0), "{waits}");
        let ada = ("ada", sluss.password.as_str());
        let own = sluss.get_as("/api/v1/inbox", ada).expect("the inbox answers");
        assert_eq!(own["waiting"], json!([]), "ada contributed: {own}");

        self.open(sluss, "/approvals").await;
        self.says("1 commit").await;
        // A refusal asks for a reason first, and is given up.
        self.keys("jr").await;
        assert_eq!(self.focused().await, "reason");
        self.keys("\u{e007}").await;
        assert_eq!(self.focused().await, "reason", "without a reason nothing is refused");
        self.keys("\u{e00c}").await;
        assert_eq!(self.focused().await, "dep-2", "Escape goes back to the card");
        self.keys("a").await;
        assert_eq!(self.focused().await, "password");
        self.keys("not-the-password\u{e007}").await;
        self.says("not for you to do").await;
        self.open(sluss, "/approvals").await;
        self.says("1 commit").await;
        self.keys("ja").await;
        self.keys("bo-is-the-second\u{e007}").await;
        wait_for("it is granted", PATIENCE, || {
            (sluss.get("/api/v1/approvals/dep-2")?["decision"] == "granted").then_some(())
        });
        let waits = sluss.get_as("/api/v1/inbox", password).expect("the inbox answers");
        assert_eq!(waits["waiting"], json!([]), "{waits}");
    }

    /// Types where the focus is.
    async fn keys(&self, keys: &str) {
        for key in keys.chars() {
            let focused = self.client.active_element().await.expect("something has the focus");
            focused.send_keys(&key.to_string()).await.expect("it takes a key");
        }
    }

    /// What has the focus: the name of a field, or what a card says it is.
    async fn focused(&self) -> String {
        let script = "var at = document.activeElement; return at.name || at.ariaLabel || ''";
        let said = self.client.execute(script, vec![]).await.expect("a script runs");
        said.as_str().unwrap_or_default().to_owned()
    }

    async fn picture_of_sign_in(&self, sluss: &Sluss) {
        self.open(sluss, "/").await;
        self.says("Sign in").await;
        self.picture("sign-in").await;
    }

    /// Opens every other page, once each.
    async fn look_around(&self, sluss: &Sluss) {
        for (path, words, name) in [
            ("/", "taken back", "board"),
            ("/runs/run-1", "package", "run"),
            ("/releases/rel-2", "barred", "release"),
            ("/environments", "production", "environments"),
            ("/incidents", "inc-1", "incidents"),
            ("/incidents/inc-1", "mitigated", "incident"),
            ("/log", "deployment.rolled_back", "log"),
            ("/log/1", "config", "event"),
            ("/freezes", "freeze", "freezes"),
            ("/account", "bo", "account"),
            ("/help", "board", "help"),
            ("/changes/chg-99", "there is no", "not-found"),
        ] {
            self.open(sluss, path).await;
            self.says(words).await;
            self.picture(name).await;
        }
    }
}
