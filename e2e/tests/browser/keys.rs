//! A person's own key signs an approval, in a real browser with a virtual authenticator, and
//! whatever is not that signature is refused and recorded.

use serde_json::Value;

use super::*;

const RULES: &str = "\
name: Test bank
four_eyes: first-release
require: []
open_registration: true
people:
  ada: [developer, approver]
  bo: [approver]
  carl: [approver]
approvals:
  - slots: { approvers: 1 }
    by_key: true
";

/// What a page's script is made to do in the place of what it would do.
const UNVERIFIED: &str = "\
    const real = navigator.credentials.get.bind(navigator.credentials);
    navigator.credentials.get = function (asked) {
      asked.publicKey.userVerification = 'discouraged';
      return real(asked);
    };";
/// An authenticator that holds a key for somebody makes another one.
const A_SECOND_KEY: &str = "\
    const real = navigator.credentials.create.bind(navigator.credentials);
    navigator.credentials.create = function (asked) {
      asked.publicKey.excludeCredentials = [];
      return real(asked);
    };";
/// What is decided over is changed once it is signed.
const ANOTHER_STATEMENT: &str = "\
    const real = navigator.credentials.get.bind(navigator.credentials);
    navigator.credentials.get = function (asked) {
      return real(asked).then(function (found) {
        document.querySelector('form[data-key=get] [name=statement]').value = 'ab'.repeat(32);
        return found;
      });
    };";
/// Signs what is asked with another key than those that the page names.
const ANOTHERS_KEY: &str = "\
    const real = navigator.credentials.get.bind(navigator.credentials);
    const id = Uint8Array.from(atob(arguments[0].replace(/-/g, '+').replace(/_/g, '/')),
      function (c) { return c.charCodeAt(0); });
    navigator.credentials.get = function (asked) {
      asked.publicKey.allowCredentials = [{ type: 'public-key', id: id }];
      return real(asked);
    };";
/// Keeps what is sent, to be sent once more.
const KEEP: &str = "\
    addEventListener('submit', function (event) {
      if (!event.target.dataset.answered) return;
      const sent = new URLSearchParams(new FormData(event.target, event.submitter));
      sessionStorage.setItem('sent', sent.toString());
      sessionStorage.setItem('to', event.target.action);
    });";
const SEND_AGAIN: &str = "\
    const done = arguments[arguments.length - 1];
    fetch(sessionStorage.getItem('to'), { method: 'POST',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: sessionStorage.getItem('sent') }).then(function (answer) { done(answer.status); });";
/// Signs, on another page, what a page of ours asks.
const SIGN_ELSEWHERE: &str = "\
    const done = arguments[arguments.length - 1];
    const bytes = function (text) {
      return Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')),
        function (c) { return c.charCodeAt(0); });
    };
    const text = function (buffer) {
      return btoa(String.fromCharCode.apply(null, new Uint8Array(buffer)))
        .replace(/\\+/g, '-').replace(/\\//g, '_').replace(/=+$/, '');
    };
    navigator.credentials.get({ publicKey: { rpId: 'localhost', challenge: bytes(arguments[0]),
      allowCredentials: [{ type: 'public-key', id: bytes(arguments[1]) }],
      userVerification: 'required' } }).then(function (found) {
        done({ credential: text(found.rawId), signature: text(found.response.signature),
          authenticator_data: text(found.response.authenticatorData),
          client_data: text(found.response.clientDataJSON) });
      }).catch(function (error) { done({ error: String(error) }); });";
const SEND: &str = "\
    const done = arguments[arguments.length - 1];
    fetch(arguments[0], { method: 'POST',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(arguments[1]) })
      .then(function (answer) { done(answer.status); });";

impl Browser {
    /// Gives the browser an authenticator that verifies its user.
    async fn authenticator(&self) {
        let session = self.client.session_id().await.ok().flatten().expect("a session");
        let url = format!("{}/session/{session}/webauthn/authenticator", self.driver);
        let body = json!({
            "protocol": "ctap2", "transport": "usb", "hasResidentKey": true,
            "hasUserVerification": true, "isUserVerified": true,
        });
        tokio::task::spawn_blocking(move || {
            let answered = ureq::post(&url).send(body.to_string());
            answered.expect("the driver knows virtual authenticators");
        })
        .await
        .expect("asked");
    }

    async fn goto(&self, url: &str) {
        self.client.goto(url).await.expect("a page opens");
    }

    /// Signs in where pages have a name.
    async fn enter(&self, at: &str, login: &str, password: &str) {
        self.goto(at).await;
        self.client.delete_all_cookies().await.expect("cookies can be deleted");
        self.goto(&format!("{at}/sign-in")).await;
        self.fill("login", login).await;
        self.fill("password", password).await;
        self.press("main form.stack button").await;
        self.client.wait().for_element(Locator::Css("nav")).await.expect("signed in");
    }

    async fn write(&self, selector: &str, text: &str) {
        let field = self.client.find(Locator::Css(selector)).await.expect("there is a field");
        field.send_keys(text).await.expect("the field takes text");
    }

    async fn add_key(&self, at: &str, name: &str, password: &str) {
        self.goto(&format!("{at}/account")).await;
        self.fill_key(name, password).await;
    }

    async fn fill_key(&self, name: &str, password: &str) {
        self.write("form[data-key=create] [name=name]", name).await;
        self.write("form[data-key=create] [name=password]", password).await;
        self.press("form[data-key=create] button").await;
        self.says(name).await;
    }

    async fn attribute(&self, selector: &str, name: &str) -> String {
        let found = self.client.find(Locator::Css(selector)).await.expect("it is there");
        found.attr(name).await.ok().flatten().unwrap_or_default()
    }

    async fn run(&self, script: &str, arguments: Vec<Value>) {
        self.client.execute(script, arguments).await.expect("a script runs");
    }

    async fn wait_for(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.client.execute_async(script, arguments).await.expect("a script ends")
    }
}

const APPROVE: &str = "form[data-key=get] [value=approve]";

/// Why people were refused so far.
fn refusals(sluss: &Sluss) -> Vec<String> {
    let events = sluss.events();
    let refused = events.iter().filter(|event| event["type"] == "access.refused");
    refused.map(|event| event["data"]["why"].as_str().unwrap_or("?").to_owned()).collect()
}

/// A bank in which approvals are signed, and a release of ada's that waits for one.
fn bank_with_rules(port: u16) -> Sluss {
    let sluss = Sluss::up();
    for login in ["bo", "carl"] {
        sluss.account(login, &format!("{login}-is-the-second"));
    }
    let platform = Repository::of(&sluss.scratch("platform"));
    platform.pull(&sluss.remote("platform"));
    platform.write("organisation.yaml", RULES);
    platform.commit("Approvals are signed");
    let (pushed, said) = platform.push(&sluss.remote("platform"), "main");
    assert!(pushed, "{said}");
    wait_for("the policy is active", PATIENCE, || {
        (sluss.get("/api/v1/status")?["organisation"] == "Test bank").then_some(())
    });
    let repository = Repository::begin(&sluss.scratch("vault"), "vault", port, "progressive");
    repository.service("version-1", "0.0");
    repository.commit("VLT-1: begin the vault");
    assert!(repository.push(&sluss.remote("vault"), "main").0);
    wait_for("it waits for a second person", PATIENCE, || {
        let found = sluss.get("/api/v1/approvals/dep-2")?;
        (found["decision"] == "open").then_some(())
    });
    sluss
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_is_signed_with_a_key_and_nothing_else_counts() {
    let port = free_port();
    let sluss = bank_with_rules(port);
    let at = sluss.url().replace("127.0.0.1", "localhost");
    let (bo, carl) = ("bo-is-the-second", "carl-is-the-second");
    let browser = Browser::start().await;
    browser.authenticator().await;

    browser.sign_in(&sluss, "bo", bo).await;
    browser.open(&sluss, "/account").await;
    browser.says("keys belong to a name").await;
    browser.enter(&at, "carl", carl).await;
    browser.add_key(&at, "red key", carl).await;
    let carls = browser.attribute("form[data-key=create]", "data-ids").await;
    browser.enter(&at, "bo", bo).await;
    browser.goto(&format!("{at}/deployments/dep-2")).await;
    browser.says("a password alone approves nothing").await;
    browser.add_key(&at, "blue key", bo).await;
    browser.add_key_twice_and_remove_one(&at, bo).await;
    browser.picture("account-keys").await;

    // It counts for nothing until somebody else says that it is bo's.
    browser.goto(&format!("{at}/account")).await;
    browser.says("waits for another person").await;
    browser.goto(&format!("{at}/deployments/dep-2")).await;
    browser.says("a password alone approves nothing").await;
    browser.enter(&at, "carl", carl).await;
    browser.goto(&format!("{at}/approvals")).await;
    browser.says("keys to vouch for").await;
    browser.picture("keys-to-vouch-for").await;
    browser.write("#key-2 [name=password]", carl).await;
    browser.press("#key-2 button").await;
    browser.enter(&at, "bo", bo).await;
    browser.goto(&format!("{at}/account")).await;
    browser.says("counts").await;

    refused_without_a_signature(&sluss, bo);
    let mut whys = vec!["not_signed".to_owned()];
    let waits = format!("{at}/deployments/dep-2");
    for (script, arguments, why) in [
        (UNVERIFIED, vec![], "user_not_verified"),
        (ANOTHER_STATEMENT, vec![], "signature_invalid"),
        (ANOTHERS_KEY, vec![json!(carls)], "key_unknown"),
    ] {
        browser.goto(&waits).await;
        browser.says("approve with your key").await;
        browser.run(script, arguments).await;
        browser.press(APPROVE).await;
        whys.push(why.to_owned());
        wait_for(why, PATIENCE, || (refusals(&sluss) == whys).then_some(()));
    }
    browser.sign_elsewhere(&waits).await;
    whys.push("other_origin".to_owned());
    assert_eq!(refusals(&sluss), whys);

    browser.goto(&waits).await;
    browser.says("approve with your key").await;
    browser.picture("approval-key").await;
    browser.run(KEEP, vec![]).await;
    browser.press(APPROVE).await;
    wait_for("it is granted", PATIENCE, || {
        (sluss.get("/api/v1/approvals/dep-2")?["decision"] == "granted").then_some(())
    });
    browser.says("agreed").await;
    assert_eq!(browser.wait_for(SEND_AGAIN, vec![]).await, 403);
    whys.push("forged_form".to_owned());
    assert_eq!(refusals(&sluss), whys);
    browser.client.clone().close().await.ok();
    tokio::task::block_in_place(|| verified_without_us(&sluss, port));
}

impl Browser {
    /// A key that is added beside the first, and removed.
    async fn add_key_twice_and_remove_one(&self, at: &str, password: &str) {
        // The browser's one authenticator makes no second key for one person unless it is let to.
        self.goto(&format!("{at}/account")).await;
        self.run(A_SECOND_KEY, vec![]).await;
        self.fill_key("spare key", password).await;
        let remove = "#own-keys tbody tr:nth-child(2)";
        self.write(&format!("{remove} [name=password]"), password).await;
        self.press(&format!("{remove} button")).await;
        for _ in 0..100 {
            if !self.text().await.contains("spare key") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the key is still there: {}", self.text().await);
    }

    /// Signs what our page asks on a page of another origin of the same site, and sends it.
    async fn sign_elsewhere(&self, waits: &str) {
        self.goto(waits).await;
        self.says("approve with your key").await;
        let form = "form[data-key=get]";
        let ids = self.attribute(form, "data-ids").await;
        let challenge = self.attribute(APPROVE, "data-challenge").await;
        let csrf = self.attribute(&format!("{form} [name=csrf]"), "value").await;
        let statement = self.attribute(&format!("{form} [name=statement]"), "value").await;
        let action = self.attribute(form, "action").await;
        self.goto(&self.driver.replace("127.0.0.1", "localhost")).await;
        let mut sent = self.wait_for(SIGN_ELSEWHERE, vec![json!(challenge), json!(ids)]).await;
        assert!(sent["signature"].is_string(), "{sent}");
        sent["csrf"] = json!(csrf);
        sent["statement"] = json!(statement);
        sent["decision"] = json!("approve");
        self.goto(waits).await;
        assert_eq!(self.wait_for(SEND, vec![json!(action), sent]).await, 403);
    }
}

/// A password alone is refused where a rule asks for a key, by the API and so by the command line.
fn refused_without_a_signature(sluss: &Sluss, password: &str) {
    let asked = sluss.get("/api/v1/approvals/dep-2").expect("it is asked");
    let body = json!({ "decision": "approve", "statement": asked["statement"] });
    let (status, answer) = sluss.post("/api/v1/approvals/dep-2", ("bo", password), &body);
    assert_eq!(status, 403, "{answer}");
    assert!(answer.to_string().contains("your own key"), "{answer}");
}

/// The dossier verifies with the auditor's program, and not when the signature is changed.
fn verified_without_us(sluss: &Sluss, port: u16) {
    let folder = sluss.scratch("audit");
    let path = |name: &str| folder.join(name).display().to_string();
    let (file, trust) = (path("rel-1.sluss.zip"), path("trust"));
    // A first release is judged by what its customers get.
    wait_for("the first version answers", PATIENCE, || answer(port, "/ready"));
    let _customers = Customers::begin(port, 8, Duration::from_millis(20));
    wait_for("the release is live", PATIENCE, || {
        let found = sluss.get("/api/v1/deployments/dep-2")?;
        (found["brief"]["phase"] == "live").then_some(())
    });
    let (done, said) = sluss.run(&["dossier", "export", "rel-1", "--out", &file]);
    assert!(done, "{said}");
    let (done, said) = sluss.run(&["log", "trust", "--out", &trust]);
    assert!(done, "{said}");
    let program = e2e::program().with_file_name("sluss-verify");
    let report = || {
        let output = Command::new(&program).args([&file, "--trust", &trust]).output();
        let output = output.expect("sluss-verify is built: cargo build -p sluss-verify");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, said) = report();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("1 decisions signed with 1 keys of people"), "{said}");
    let mut files = sluss_ledger::dossier::archive::read(&std::fs::read(&file).expect("a file"))
        .expect("a dossier");
    for content in files.values_mut() {
        if content.starts_with(br#"{"format":"urn:sluss/webauthn/v1""#) {
            let at = content.len() - 12;
            content[at] ^= 1;
        }
    }
    let zip = sluss_ledger::dossier::archive::write(&files).expect("a dossier");
    std::fs::write(&file, zip).expect("it can be written");
    let (code, said) = report();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("FAILED       person-keys"), "{said}");
}
