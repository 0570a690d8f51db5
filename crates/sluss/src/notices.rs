//! Takes notices to their receivers over HTTP, on this machine or in a private network.
//!
//! There is no TLS client here, so nothing goes anywhere else: what a name stands for is looked up,
//! and an address outside is refused. A notice is signed, and holds no name or text of a person.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use sluss_core::alarm::{Address, is_private};
use sluss_engine::notify::{Courier, Message};

/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Takes notices by HTTP.
#[derive(Debug, Clone, Copy)]
pub struct Http;

#[async_trait]
impl Courier for Http {
    async fn take(&self, to: &Address, message: Message) -> Result<(), String> {
        let found = resolved(to).await?;
        let (to, host) = (to.clone(), format!("{}:{}", to.host(), to.port()));
        let sent = tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder()
                .timeout_global(Some(PATIENCE))
                .max_redirects(0)
                .proxy(None)
                .build()
                .into();
            // The address that was looked at, so that the name can't stand for another one by now.
            let mut asked = agent.post(format!("http://{found}{}", to.path())).header("host", host);
            for (name, value) in message.headers {
                asked = asked.header(name, value);
            }
            let answer = asked.send(message.body.as_bytes()).map_err(|error| error.to_string())?;
            match answer.status().as_u16() {
                200..=299 => Ok(()),
                other => Err(format!("it answered {other}")),
            }
        });
        sent.await.map_err(|error| error.to_string())?
    }
}

/// Returns an address that the receiver has, if all that it has are of this machine or private.
async fn resolved(to: &Address) -> Result<SocketAddr, String> {
    let found: Vec<SocketAddr> = match to.host().parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, to.port())],
        Err(_) => {
            let looked_up = tokio::net::lookup_host((to.host(), to.port())).await;
            looked_up.map_err(|error| format!("{}: {error}", to.host()))?.collect()
        }
    };
    if let Some(outside) = found.iter().find(|one| !is_private(one.ip())) {
        let ip = outside.ip();
        return Err(format!("{ip} is in no private network, and notices go without TLS"));
    }
    found.first().copied().ok_or_else(|| format!("{} has no address", to.host()))
}
