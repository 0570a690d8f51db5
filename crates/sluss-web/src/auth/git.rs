//! Who may fetch from and push to which repository.

use async_trait::async_trait;
use sluss_core::decide::Actor;
use sluss_core::event::RefusedWhy;
use sluss_core::ids::ServiceName;
use sluss_engine::forge::{Pusher, RepositoryName};

use super::caller::by_secret;
use crate::app::App;
use crate::git::{Access, GitAuth, Refusal, RefusalReason};

/// Answers for Git over HTTP from accounts and the organisation's roles.
pub struct WebGitAuth {
    app: App,
}

impl WebGitAuth {
    /// Answers from the accounts and the state of `app`.
    pub fn new(app: App) -> Self {
        Self { app }
    }

    async fn developer(&self, who: &Pusher) -> Result<(), String> {
        let account = self.app.engine.parts().accounts.find(&who.0).await;
        match account {
            Ok(Some(account)) if self.app.is_developer(&account.person) => Ok(()),
            Ok(_) => Err("To push takes the role of a developer, and you don't have it. Ask for \
                          it by a change of `organisation.yaml` in the platform repository."
                .to_owned()),
            Err(_) => Err("The directory of people does not answer now; try again.".to_owned()),
        }
    }

    /// The first content says who has which role.
    fn is_first_content(&self, repository: &RepositoryName) -> bool {
        repository.is_platform() && self.app.engine.state().organisation.is_none()
    }
}

#[async_trait]
impl GitAuth for WebGitAuth {
    async fn authenticate(&self, login: &str, secret: &str) -> Option<Pusher> {
        let caller = by_secret(&self.app, login, secret).await?;
        caller.may_write().then_some(Pusher(caller.login))
    }

    async fn may(
        &self,
        who: &Pusher,
        repository: &RepositoryName,
        access: Access,
    ) -> Result<(), String> {
        match access {
            Access::Read => Ok(()),
            Access::Write if self.is_first_content(repository) => Ok(()),
            Access::Write => self.developer(who).await,
        }
    }

    async fn may_create(&self, who: &Pusher, repository: &RepositoryName) -> Result<(), String> {
        if self.is_first_content(repository) {
            return Ok(());
        }
        self.developer(who).await?;
        let listed = {
            let state = self.app.engine.state();
            let organisation = state.organisation.as_ref();
            let name = repository.as_str().parse::<ServiceName>().ok();
            repository.is_platform()
                || organisation.is_some_and(|o| {
                    o.open_registration || name.is_some_and(|name| o.services.contains_key(&name))
                })
        };
        match listed {
            true => Ok(()),
            false => Err(format!(
                "There is no service `{repository}` in the platform repository. Add it to \
                 `organisation.yaml` there, and push that first."
            )),
        }
    }

    async fn refused(&self, refusal: Refusal) {
        let act = match refusal.access {
            Access::Read => "git fetch",
            Access::Write => "git push",
        };
        match refusal.reason {
            RefusalReason::WrongSecret => self.app.count_stranger(act, RefusedWhy::SignIn),
            RefusalReason::Unknown | RefusalReason::NotAllowed(_) => {
                let found = self.app.engine.parts().accounts.find(&refusal.login).await;
                match found {
                    Ok(Some(account)) => {
                        let actor = Actor::Person { who: account.person, reauthenticated: false };
                        self.app.record_denied(actor, act, RefusedWhy::MissingRole).await;
                    }
                    Ok(None) | Err(_) => self.app.count_stranger(act, RefusedWhy::SignIn),
                }
            }
        }
    }
}
