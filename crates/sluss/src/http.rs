//! The client of HTTP, with and without TLS.
//!
//! Over TLS a server is trusted by the certificates that the machine trusts, or by those of the
//! file that `SSL_CERT_FILE` names: a bank's own authority needs no option here.

use std::time::Duration;

use ureq::config::ConfigBuilder;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::typestate::AgentScope;

/// Returns a client whose calls take `patience` at most, to be configured further.
pub fn client(patience: Duration) -> ConfigBuilder<AgentScope> {
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    ureq::Agent::config_builder().timeout_global(Some(patience)).tls_config(tls)
}
