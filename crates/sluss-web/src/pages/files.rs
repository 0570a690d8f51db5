//! What pages load: one stylesheet, two scripts, one icon, all part of the program.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

const STYLE: &str = include_str!("../../static/sluss.css");
const SCRIPT: &str = include_str!("../../static/sluss.js");
const KEYS: &str = include_str!("../../static/keys.js");
const ICON: &str = include_str!("../../static/icon.svg");

pub(super) async fn file(Path(name): Path<String>) -> Response {
    let (kind, text) = match name.as_str() {
        "sluss.css" => ("text/css; charset=utf-8", STYLE),
        "sluss.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "keys.js" => ("text/javascript; charset=utf-8", KEYS),
        "icon.svg" => ("image/svg+xml", ICON),
        _ => return (StatusCode::NOT_FOUND, "There is no such file.\n").into_response(),
    };
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "private, max-age=60")];
    (headers, text).into_response()
}
