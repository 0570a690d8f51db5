//! HTTP API, pages, webhooks, Git over HTTP.
