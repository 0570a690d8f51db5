//! The host passes what every target must pass.

use std::time::Duration;

use async_trait::async_trait;
use sluss_core::target::{Arm, RouteKey};

use crate::client::Customer;
use crate::target::Target;
use crate::target::conformance::{Answer, Ask, Check, Ground, Manner, UNIT};
use crate::world::{World, arm, key, told};

#[async_trait]
impl Ground for World {
    fn target(&self) -> &dyn Target {
        &self.target
    }

    fn key(&self) -> RouteKey {
        key()
    }

    fn arm(&self, release: u64, percent: u16, manner: Manner) -> Arm {
        let arm = arm(release, percent);
        match manner {
            Manner::Good => arm,
            Manner::Fails => told(arm, "FAILS"),
            Manner::NeverReady => told(arm, "NEVER_READY"),
            Manner::EndsAtOnce => told(arm, "REFUSES_TO_START"),
        }
    }

    async fn ask(&self, ask: Ask) -> Answer {
        let port = self.route().await.and_then(|route| route.port).unwrap_or(1);
        let mut customer = Customer::new(port);
        let answered = match ask {
            Ask::Name => customer.get("/").await,
            Ask::Pay(None) => customer.post("/pay").await,
            Ask::Pay(Some(unit)) => customer.post_with("/pay", UNIT, &unit).await,
            Ask::Slow(ms) => customer.get(&format!("/slow?{ms}")).await,
        };
        let (status, text) = answered.unwrap_or_default();
        Answer { status, text }
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(30)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_conforms() {
    for check in Check::ALL {
        let world = World::start().await;
        assert_eq!(check.run(&world).await, Ok(()), "{check:?}");
    }
}
