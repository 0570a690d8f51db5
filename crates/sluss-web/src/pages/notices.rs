//! Pages that say one thing: what went wrong, and how to find one's way.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sluss_engine::failure::{Blame, Failure};

use super::frame::{Asked, Frame, render, render_as};
use super::html::{Html, sentence};
use crate::app::{App, status};
use crate::auth::Visitor;

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage {
    frame: Frame,
    code: u16,
    heading: &'static str,
    what: Html,
    hint: Html,
    /// The invariant that it would break: its id, and what it holds.
    core: Option<(&'static str, &'static str)>,
}

pub(super) fn failure(app: &App, visitor: &Visitor, failure: Failure) -> Response {
    let heading = match failure.blame {
        Blame::Caller => "That could not be understood",
        Blame::TooLarge => "That is more than Sluss takes",
        Blame::Denied => "That is not for you to do",
        Blame::NotFound => "Nothing is here",
        Blame::Conflict => "That does not fit how things stand",
        Blame::Upstream => "Something that Sluss stands on does not work",
        Blame::Bug => "Sluss is wrong",
    };
    let status = status(failure.blame);
    let page = FailurePage {
        // What is said stays said: nothing is put in its place while it is read.
        frame: Frame::new(app, &Asked::whole(visitor), heading).topics("none"),
        code: status.as_u16(),
        heading,
        what: sentence(&failure.what),
        hint: sentence(&failure.hint),
        core: failure.core.map(|core| (core.as_str(), core.sentence())),
    };
    render_as(status, &page)
}

#[derive(Template)]
#[template(path = "help.html")]
struct HelpPage {
    frame: Frame,
    address: String,
}

pub(super) async fn help(State(app): State<App>, asked: Asked) -> Response {
    let frame = Frame::new(&app, &asked, "Help").topics("none");
    render(&HelpPage { frame, address: app.settings.address.clone() })
}
