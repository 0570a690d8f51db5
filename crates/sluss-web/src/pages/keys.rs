//! People's own keys: on their account page, and on pages where something is decided with one.

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use sluss_core::authenticator::{Authenticator, registration_text};
use sluss_core::decide::Command;
use sluss_core::ids::AuthenticatorId;
use sluss_core::state::State as Known;
use sluss_engine::failure::Failure;
use sluss_engine::signing::{self, Answer, Made};

use super::acts::answer;
use super::frame::parse;
use super::html::{self, Html, Tone};
use super::link;
use crate::app::App;
use crate::auth::Person;
use crate::forms::{Form, number};

/// The keys that somebody can sign with on this page.
#[derive(Debug, Clone)]
pub(super) struct Ring {
    /// The site that they sign for.
    pub(super) rp_id: String,
    /// Their ids in base64url, separated by spaces; empty where there is none for this site.
    pub(super) ids: String,
    person: Person,
}

impl Ring {
    /// Returns the keys of `person` that count, of the site that the page belongs to.
    pub(super) async fn of(app: &App, person: Option<&Person>) -> Result<Option<Self>, Failure> {
        Self::with(app, person, |key| key.vouched.is_some()).await
    }

    async fn with(
        app: &App,
        person: Option<&Person>,
        which: fn(&Authenticator) -> bool,
    ) -> Result<Option<Self>, Failure> {
        let Some(person) = person else { return Ok(None) };
        let Some(site) = &person.site else { return Ok(None) };
        let credentials: Vec<_> = {
            let state = app.engine.state();
            let theirs = state.keys_of(&person.who).filter(|(_, key)| which(key));
            let theirs = theirs.map(|(_, key)| key.credential.clone());
            theirs.filter(|credential| credential.rp_id == site.rp_id).collect()
        };
        let mut ids = Vec::new();
        for credential in &credentials {
            ids.extend(signing::id_of(&app.engine, credential).await?);
        }
        let (rp_id, person) = (site.rp_id.clone(), person.clone());
        Ok(Some(Self { rp_id, ids: ids.join(" "), person }))
    }

    /// Returns the challenge that a key answers so that `command` is carried out.
    pub(super) fn challenge(&self, state: &Known, command: &Command) -> String {
        let (who, nonce) = (&self.person.who, number(&self.person.csrf));
        let text = signing::text_of(state, command, who, nonce);
        text.map_or(String::new(), |text| signing::challenge(&text))
    }
}

/// The fields of a form that a key signs; all empty where the password was given instead.
#[derive(Clone, Deserialize)]
pub(super) struct KeyFields {
    #[serde(default)]
    credential: String,
    #[serde(default)]
    authenticator_data: String,
    #[serde(default)]
    client_data: String,
    #[serde(default)]
    signature: String,
}

impl KeyFields {
    /// Returns what the key answered, if one did.
    pub(super) fn answer(&self) -> Option<Answer> {
        let Self { credential, authenticator_data, client_data, signature } = self.clone();
        (!credential.is_empty()).then_some(Answer {
            credential,
            authenticator_data,
            client_data,
            signature,
        })
    }
}

/// A key on its owner's account page.
pub(super) struct KeyRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) site: String,
    pub(super) fingerprint: String,
    pub(super) made: Html,
    /// Whether it counts, or waits for somebody to vouch for it.
    pub(super) state: Html,
}

/// What the account page says of keys.
pub(super) struct Keys {
    pub(super) rows: Vec<KeyRow>,
    /// What a new key is asked with; nothing where the page was reached by a number.
    pub(super) asked: Option<AskedOfNew>,
    /// Where pages have a name on this machine.
    pub(super) local: String,
}

/// What a new key is asked with.
pub(super) struct AskedOfNew {
    pub(super) ring: Ring,
    pub(super) challenge: String,
    /// The person's reference, in hexadecimal.
    pub(super) user: String,
}

/// Returns what the account page says of the keys of `person`.
pub(super) async fn keys(app: &App, person: &Person) -> Result<Keys, Failure> {
    let now = app.engine.now();
    let found: Vec<_> = {
        let state = app.engine.state();
        state.keys_of(&person.who).map(|(id, key)| (id, key.clone())).collect()
    };
    let mut rows = Vec::new();
    for (id, key) in found {
        let text = app.engine.parts().prose.prose(&key.credential.name).await;
        let text = text.map_err(|error| Failure::upstream("A key's name can't be read", &error))?;
        rows.push(KeyRow {
            id: id.to_string(),
            name: text.unwrap_or_else(|| "(no name)".to_owned()),
            site: key.credential.rp_id.clone(),
            fingerprint: key.fingerprint(),
            made: html::ago(key.registered, now),
            state: match key.vouched {
                Some(_) => html::toned(Tone::Good, "counts"),
                None => html::toned(Tone::Wait, "waits for another person to vouch for it"),
            },
        });
    }
    let ring = Ring::with(app, Some(person), |_all| true).await?;
    let asked = ring.map(|ring| AskedOfNew {
        challenge: signing::challenge(&registration_text(&person.who, number(&person.csrf))),
        user: person.who.to_string(),
        ring,
    });
    let address = app.settings.address.trim_end_matches('/');
    let port = address.rsplit_once(':').map_or("", |(_, port)| port);
    let local = match app.settings.tls() {
        true => format!("{address}/account"),
        false => format!("http://localhost:{port}/account"),
    };
    Ok(Keys { rows, asked, local })
}

#[derive(Deserialize)]
pub(super) struct NewKey {
    name: String,
    password: String,
    attestation_object: String,
    client_data: String,
}

pub(super) async fn register(State(app): State<App>, form: Form<NewKey>) -> Response {
    let done = async {
        let NewKey { name, password, attestation_object, client_data } = &form.fields;
        let [attestation_object, client_data] =
            [attestation_object, client_data].map(ToOwned::to_owned);
        let made = Made { attestation_object, client_data };
        let site = form.site()?;
        let command =
            signing::registration(&app.engine, &form.signatory(), name, &made, site).await?;
        form.decide(&app, command, password.clone()).await?;
        Ok(link::ACCOUNT.to_owned())
    };
    let done = done.await;
    answer(&app, &form, done)
}

#[derive(Deserialize)]
pub(super) struct Password {
    password: String,
}

pub(super) async fn remove(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form<Password>,
) -> Response {
    let done = async {
        let authenticator: AuthenticatorId = parse(&id)?;
        let password = form.fields.password.clone();
        form.decide(&app, Command::RemoveKey { authenticator }, password).await?;
        Ok(link::ACCOUNT.to_owned())
    };
    let done = done.await;
    answer(&app, &form, done)
}

pub(super) async fn vouch(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form<Password>,
) -> Response {
    let done = async {
        let authenticator: AuthenticatorId = parse(&id)?;
        let password = form.fields.password.clone();
        form.decide(&app, Command::VouchForKey { authenticator }, password).await?;
        Ok(link::APPROVALS.to_owned())
    };
    let done = done.await;
    answer(&app, &form, done)
}
