//! Serves the pages of a sample bank, for looking at them: `cargo run -p sluss-web --example
//! sample_pages [-- ADDRESS [empty]]`. Sign in as `anna`, `bo` or `eva`, as the page says.

#![expect(clippy::unwrap_used, reason = "an example that cannot go on has failed, and says where")]

use std::net::SocketAddr;

use sluss_web::app::{App, Seams, Settings};
use tokio::net::TcpListener;

mod delivered;
mod story;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address: SocketAddr = arguments.next().as_deref().unwrap_or("127.0.0.1:8479").parse()?;
    let folder = tempfile::tempdir()?;
    let story = match arguments.next().as_deref() {
        Some("empty") => story::Story::begin(folder.path()).await,
        _ => story::Story::whole(folder.path()).await,
    };
    let settings = Settings { demo: true, address: format!("http://{address}") };
    let app = App::new(story.engine.clone(), settings, Seams::default());
    let listener = TcpListener::bind(address).await?;
    sluss_web::serve::serve(app, listener, std::future::pending()).await;
    Ok(())
}
