//! What a request says of the repository, and what is signed where a standard change stands for it.

use sluss_core::approval::Subject;
use sluss_core::decide::Command;
use sluss_core::deployment::Phase;
use sluss_core::event::Event;
use sluss_core::evidence::Evidence;
use sluss_core::exception::{ExceptionKind, Model};
use sluss_core::ids::{DeploymentId, Digest};
use sluss_core::pipeline::{GateKind, Pipeline, Replacement, RolloutPlan};
use sluss_core::rollout::{Counts, Observation, Reading, Verdict};
use sluss_ledger::attest::Dsse;
use sluss_ledger::attest::predicate::{Approval, VerificationSummary};
use sluss_store::{Blobs as _, Log as _};

use super::{BEGIN, ORGANISATION, World, pipeline_of};
use crate::engine::read_event;
use crate::forge::RepositoryName;
use crate::reconcile::attest;

fn asking() -> Pipeline {
    let plan = Replacement::Progressive(RolloutPlan::default());
    pipeline_of(vec![GateKind::Tests, GateKind::FourEyes], plan)
}

/// A world in which a person is asked about each release, with one that is live.
async fn live() -> (World, DeploymentId) {
    let mut world = World::new().await;
    let organisation = ORGANISATION.replace("four_eyes: never", "four_eyes: always");
    world.platform(&[("organisation.yaml", &organisation)]).await.unwrap();
    let id = world.release_by(&[("docs/a.md", "one\n")], asking()).await;
    approve(&world, id).await;
    while attest::once(&world.engine).await {}
    world.engine.report(Command::Ready { deployment: id }).await.unwrap();
    let arms = world.engine.state().routes().into_iter().flat_map(|route| route.arms);
    let share = arms.filter(|arm| arm.deployment == id).map(|arm| arm.share).next().unwrap();
    let (none, some) = (Counts::default(), Counts { requests: 200, errors: 0 });
    let observation = Observation::new(BEGIN.second(), share, none, some);
    let reading = Reading::new((0, 4_605_170), (0, 2_995_732), Verdict::Favourable);
    let observed = Command::Observe { deployment: id, observation, reading };
    world.engine.report(observed).await.unwrap();
    let state = world.engine.state();
    assert!(matches!(state.deployments[&id].phase, Phase::Live { .. }), "{:?}", state.deployments);
    drop(state);
    (world, id)
}

async fn approve(world: &World, id: DeploymentId) {
    let subject = Subject::Deployment(id);
    let statement = world.engine.state().requests[&subject].statement.clone();
    world.ask("carl", Command::Approve { subject, statement }).await;
}

/// The predicate of the newest attestation of this.
async fn signed<P: serde::de::DeserializeOwned>(
    world: &World,
    of: &Evidence,
) -> Option<(P, Digest)> {
    let mut found = None;
    for sealed in world.engine.parts().log.read(0, 10_000).await.unwrap() {
        match read_event(&sealed).unwrap().1 {
            Event::AttestationRecorded { evidence, envelope, .. } if evidence == *of => {
                found = Some(envelope);
            }
            _other => {}
        }
    }
    let envelope = found?;
    let text = world.engine.parts().blobs.get(&envelope).await.unwrap();
    let statement = Dsse::parse(&text).unwrap().unverified_statement().unwrap();
    Some((serde_json::from_str(statement.predicate().get()).unwrap(), envelope))
}

#[tokio::test]
async fn a_request_says_what_was_live_and_what_differs_as_git_says_it() {
    let (world, first) = live().await;
    let two = world.release_by(&[("docs/a.md", "two\n")], asking()).await;
    let state = world.engine.state().clone();
    let basis = |id| state.requests[&Subject::Deployment(id)].basis.clone().unwrap();
    let commit = |id: DeploymentId| {
        state.change_of(state.deployments[&id].release).unwrap().push.commit.clone()
    };
    let name: RepositoryName = "payments".parse().unwrap();
    let objects = world.engine.parts().repositories.objects(&name).unwrap();
    let (one, new) = (commit(first), commit(two));
    assert_eq!(basis(first).base_commit, None);
    let whole = objects.raw_diff(None, &one).await.unwrap();
    assert!(String::from_utf8_lossy(&whole).contains("A\0docs/a.md\0"));
    assert_eq!(basis(first).diff_sha256, Some(Digest::of(&whole)));
    assert_eq!(basis(two).base_commit, Some(one.clone()));
    let raw = objects.raw_diff(Some(&one), &new).await.unwrap();
    assert!(String::from_utf8_lossy(&raw).contains("M\0docs/a.md\0"));
    assert_eq!(basis(two).diff_sha256, Some(Digest::of(&raw)));
    let kept = &state.requests[&Subject::Deployment(two)].statement;
    let text = world.engine.parts().blobs.get(kept).await.unwrap();
    assert_eq!(Digest::of(&text), *kept);
}

#[tokio::test]
async fn a_standard_change_that_stands_for_an_approval_is_signed_with_its_model_and_summary() {
    let (world, _) = live().await;
    let model = Model {
        service: "payments".parse().unwrap(),
        paths: ["docs/".to_owned()].into(),
        files: 3,
        lines: 50,
        failures: 1,
        owner: None,
        function: None,
        max_risk: None,
        required_evidence: Default::default(),
    };
    let (what, until) = (ExceptionKind::Standard { model }, BEGIN.plus(3_600_000));
    let (exception, reason) = (world.engine.state().next_exception(), Digest::of(b"why"));
    world
        .ask("anna", Command::AskException { what, reason, until, terms: Default::default() })
        .await;
    world.ask("carl", Command::GrantException { exception }).await;
    let id = world.release_by(&[("docs/a.md", "two\n")], asking()).await;
    for _ in 0..10 {
        attest::once(&world.engine).await;
    }
    assert!(world.engine.state().unattested.is_empty());
    let of = Evidence::Automated { deployment: id };
    let (approval, _) = signed::<Approval>(&world, &of).await.unwrap();
    let of = Evidence::Gate { deployment: id, gate: GateKind::FourEyes };
    let (summary, envelope) = signed::<VerificationSummary>(&world, &of).await.unwrap();
    assert_eq!(summary.verified_levels, ["SLUSS_STANDARD_CHANGE"]);
    let ExceptionKind::Standard { model } =
        world.engine.state().exceptions[&exception].what.clone()
    else {
        panic!()
    };
    let said = approval.automated.unwrap();
    assert_eq!(said.model_digest.to_string(), model.digest().as_str());
    assert_eq!(said.vsa.to_string(), envelope.as_str());
    assert_eq!(approval.person_ref.to_string(), world.people["carl"].as_str());
    assert_eq!(approval.valid_until.ms(), until.0, "no longer than the standard change");
    let kept = approval.statement.sha256.to_string().parse().unwrap();
    let text = world.engine.parts().blobs.get(&kept).await.unwrap();
    assert_eq!(text.len() as u64, approval.statement.size);
}
