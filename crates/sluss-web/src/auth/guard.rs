//! The guard in front of every route: finds out who asks, and turns away who may not.

use std::net::IpAddr;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use sluss_core::event::RefusedWhy;
use sluss_engine::failure::{Blame, Failure};
use sluss_engine::signing::Site;

use super::COOKIE;
use super::caller::{Caller, Unknown, Via, by_header, log_unless_theirs};
use super::visitor::{Person, Visitor};
use crate::api::Refused;
use crate::app::App;
use crate::forms::{act_of, comes_from_here, issue, number_of};
use crate::pages;
use crate::routes::{Who, who_may};
use crate::serve::without_port;

/// Lets a request through to its handler, or turns it away and records that.
pub async fn guard(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let may = route.as_deref().map_or(Who::Public, |route| who_may(request.method(), route));
    let path = request.uri().path();
    if may == Who::Public && path.starts_with("/static/") {
        return next.run(request).await;
    }
    let through_api = path.starts_with("/api/");
    let headers = request.headers();
    let found = match through_api && headers.contains_key(header::AUTHORIZATION) {
        true => by_header(&app, headers).await,
        false => by_cookie(&app, headers).await,
    };
    let act = act_of(&request);
    match (found, may) {
        (Ok(caller), _) => {
            if through_api
                && let Err(failure) =
                    check_write(&app, &caller, request.method(), request.headers(), &act).await
            {
                return Refused(failure).into_response();
            }
            if let Via::Session(person) = &caller.via {
                request.extensions_mut().insert(person.clone());
            }
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        (Err(_), Who::Public) => next.run(request).await,
        (Err(unknown), Who::SignedIn | Who::Developer | Who::Approver) => {
            let why = match unknown {
                Unknown::Nobody => RefusedWhy::SignedOut,
                Unknown::Wrong => RefusedWhy::SignIn,
            };
            app.count_stranger(&act, why);
            turn_away(&request, unknown)
        }
    }
}

/// Returns the site that a page belongs to, as browsers tell sites apart for keys: by name, over
/// TLS or on this machine. What is reached by a number has none.
fn site_of(headers: &HeaderMap, address: &str) -> Option<Site> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let rp_id = without_port(host);
    if rp_id.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return None;
    }
    let (scheme, own) = address.split_once("://").unwrap_or(("http", address));
    let ours = own.split('/').next().is_some_and(|own| own.eq_ignore_ascii_case(host));
    let scheme = match ours {
        true => scheme,
        false => "http",
    };
    let safe = scheme == "https" || rp_id == "localhost";
    let (rp_id, origin) = (rp_id.to_lowercase(), format!("{scheme}://{}", host.to_lowercase()));
    safe.then_some(Site { rp_id, origin })
}

async fn by_cookie(app: &App, headers: &HeaderMap) -> Result<Caller, Unknown> {
    let token = session_token(headers).ok_or(Unknown::Nobody)?;
    let found = app.engine.parts().accounts.session(token).await;
    let session = found.map_err(|error| {
        log_unless_theirs(&error);
        Unknown::Nobody
    })?;
    // A session that has ended is nothing that anybody did wrong.
    let session = session.ok_or(Unknown::Nobody)?;
    let csrf = issue(&session.csrf, &app.engine.nonce(), app.engine.now());
    let person = Person {
        who: session.account.person.clone(),
        login: session.account.login.clone().ok_or(Unknown::Nobody)?,
        name: session.account.name.clone(),
        session: token.to_owned(),
        csrf,
        secret: session.csrf,
        signed_in: session.authenticated,
        site: site_of(headers, &app.settings.address),
    };
    Caller::new(session.account, Via::Session(person)).ok_or(Unknown::Nobody)
}

fn session_token(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value)
}

/// Checks what asks for a change through the API: a session must send the number of a form, and a
/// token must be one for writing.
async fn check_write(
    app: &App,
    caller: &Caller,
    method: &Method,
    headers: &HeaderMap,
    act: &str,
) -> Result<(), Failure> {
    if method.is_safe() {
        return Ok(());
    }
    if !comes_from_here(headers) {
        app.record_denied(caller.actor(), act, RefusedWhy::ForgedForm).await;
        let what = "Another site sent this, so nothing was done.";
        return Err(Failure::new(Blame::Denied, what, "Use the pages themselves, or a token"));
    }
    if let Via::Session(person) = &caller.via {
        let number = headers.get("sluss-csrf").and_then(|value| value.to_str().ok());
        let now = app.engine.now();
        let ours = number.and_then(|number| number_of(&person.secret, number, now)).is_some();
        if !ours {
            app.record_denied(caller.actor(), act, RefusedWhy::ForgedForm).await;
            return Err(Failure::new(
                Blame::Denied,
                "A session alone changes nothing through the API.",
                "Send the page's `csrf` in the header `Sluss-Csrf`, or use a token",
            ));
        }
    }
    if caller.may_write() {
        return Ok(());
    }
    app.record_denied(caller.actor(), act, RefusedWhy::MissingRole).await;
    Err(Failure::new(
        Blame::Denied,
        "This token is for reading only.",
        "Use one that was made with the scope `write`",
    ))
}

fn turn_away(request: &Request, unknown: Unknown) -> Response {
    let path = request.uri().path();
    let fragment = request.uri().query().is_some_and(|query| query.contains("fragment="));
    if !path.starts_with("/api/") && path != "/live" && !fragment {
        return Redirect::to(&sign_in_address(request.uri())).into_response();
    }
    let (what, hint) = match unknown {
        Unknown::Nobody => {
            ("Nobody is signed in.", "Give a token: `Authorization: Bearer sluss_…`")
        }
        Unknown::Wrong => ("Login, password or token is wrong.", "Check them, or make a new token"),
    };
    let failure = Failure::new(Blame::Denied, what, hint);
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer realm=\"Sluss\"")];
    (StatusCode::UNAUTHORIZED, challenge, Refused(failure).body()).into_response()
}

/// Returns where to sign in so that one comes back to `uri` after.
pub(crate) fn sign_in_address(uri: &Uri) -> String {
    let mut address = "/sign-in?next=".to_owned();
    let wanted = uri.path_and_query().map_or("/", |wanted| wanted.as_str());
    for byte in wanted.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' => {
                address.push(char::from(byte));
            }
            other => address.push_str(&format!("%{other:02X}")),
        }
    }
    address
}

/// Answers with `failure` as a page, or as JSON through the API.
pub(crate) fn failed(app: &App, request: &Request, failure: Failure) -> Response {
    if request.uri().path().starts_with("/api/") {
        return Refused(failure).into_response();
    }
    let visitor = Visitor(request.extensions().get::<Person>().cloned());
    pages::failure(app, &visitor, failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_leads_back_to_where_one_wanted_to_go() {
        let address = sign_in_address(&"/log?type=access.login&from=7".parse().unwrap());
        assert_eq!(address, "/sign-in?next=/log%3Ftype%3Daccess.login%26from%3D7");
    }

    #[test]
    fn a_session_is_found_among_other_cookies() {
        let mut headers = HeaderMap::new();
        headers.insert("cookie", "theme=dark; sluss_session=abc; x=y".parse().unwrap());
        assert_eq!(session_token(&headers), Some("abc"));
    }

    #[test]
    fn keys_belong_to_a_name_over_tls_or_on_this_machine() {
        let site = |host: &str, address: &str| {
            let headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
            site_of(&headers, address).map(|site| (site.rp_id, site.origin))
        };
        let of = |rp_id: &str, origin: &str| Some((rp_id.to_owned(), origin.to_owned()));
        let (bank, https) = ("https://sluss.bank.example/", "https://sluss.bank.example");
        assert_eq!(site("Sluss.bank.example", bank), of("sluss.bank.example", https));
        let local = "http://localhost:8470";
        assert_eq!(site("localhost:8470", bank), of("localhost", local));
        assert_eq!(site("localhost:8470", "http://127.0.0.1:8470"), of("localhost", local));
        assert_eq!(site("127.0.0.1:8470", "http://127.0.0.1:8470"), None);
        assert_eq!(site("[::1]:8470", bank), None);
        assert_eq!(site("plain.example", "http://plain.example"), None);
    }
}
