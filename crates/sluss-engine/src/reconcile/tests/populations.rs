//! In which way deployments were let through, as seals and proofs tell it.

use sluss_core::event::Event;
use sluss_core::gate::{ClearedWhy, GateOutcome};
use sluss_core::ids::ExceptionId;
use sluss_core::pipeline::GateKind;
use sluss_store::{Log as _, Sealed};

use super::{BEGIN, Bank, DAY_MS};
use crate::population::{Day, Proof, Prover};

/// Proves the days of `bank` as if a standard change had stood for the approval of what it
/// deployed, with `more` at the end.
async fn proof_by_standard_change(bank: &Bank, more: &[Event]) -> Proof {
    let written = bank.engine.parts().log.read(0, 10_000).await.unwrap();
    let mut told: Vec<Sealed> = Vec::new();
    let as_event = |like: &Sealed, event: &Event| {
        let (kind, body) = event.to_parts();
        Sealed { kind, body, ..like.clone() }
    };
    for sealed in &written {
        if sealed.kind == "deployment.started" {
            let why = ClearedWhy::Standard { exception: ExceptionId(1), files: 1, lines: 2 };
            let decided = Event::GateDecided {
                deployment: "dep-1".parse().unwrap(),
                gate: GateKind::FourEyes,
                outcome: GateOutcome::Cleared { why },
                core: None,
                policy: None,
            };
            told.push(as_event(sealed, &decided));
        }
        told.push(sealed.clone());
    }
    told.extend(more.iter().map(|event| as_event(written.last().unwrap(), event)));
    let mut prover = Prover::new(Day::of(BEGIN), Day::of(BEGIN.plus(DAY_MS))).unwrap();
    for (position, sealed) in (0..).zip(told) {
        prover.take(&Sealed { position, ..sealed });
    }
    prover.finish()
}

#[tokio::test]
async fn what_a_standard_change_let_through_is_counted_as_that() {
    let bank = Bank::open().await;
    bank.release(0).await;
    let proof = proof_by_standard_change(&bank, &[]).await;
    assert!(proof.holds, "{:?}", proof.findings);
    let [production] = &proof.environments[..] else { panic!("{proof:?}") };
    assert_eq!((production.deploys, production.standard, production.emergency), (1, 1, 0));
    assert!(production.listed[0].standard && !production.listed[0].emergency);
    let normal = bank.proof(0, 1).await;
    assert_eq!(normal.environments[0].standard, 0);
}

#[tokio::test]
async fn a_seal_that_hides_a_standard_change_is_named() {
    let bank = Bank::open().await;
    bank.release(0).await;
    bank.pass(DAY_MS).await;
    let proof = bank.proof(0, 1).await;
    assert!(proof.holds, "{:?}", proof.findings);
    let proof = proof_by_standard_change(&bank, &[]).await;
    assert!(!proof.holds, "the seal says that there was none");
    assert!(proof.findings[0].contains("seals 1 events of production"), "{:?}", proof.findings);
}
