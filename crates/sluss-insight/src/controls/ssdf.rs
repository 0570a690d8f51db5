//! NIST SP 800-218, Secure Software Development Framework 1.1, in our words.

use super::catalogue::{OF_THE_LOG, PAST_TERMS, ROUND_A_GATE};
use super::control::{Control, each, if_any};
use super::fact::Fact;
use super::mark::Mark::*;

/// Its controls.
pub(super) const CONTROLS: &[Control] = &[
    Control::new("PO.3", "toolchains", "Tools of development support security")
        .asks(&[each(Provenance), each(TestsSigned)])
        .unrecorded(&["which tools there are, and who chose them"]),
    Control::new("PO.4.1", "criteria", "Criteria for the security of software are set")
        .asks(&[each(PolicyAsked), if_any(OthersAgreed)])
        .against(ROUND_A_GATE)
        .tests(&["policies_whose_own_tests_fail_are_refused_at_push"]),
    Control::new("PO.4.2", "criteria-evidence", "What criteria are met is gathered and kept")
        .asks(&[each(Gated), each(NeverSilent), each(Governed)])
        .against(OF_THE_LOG),
    Control::new("PO.5", "secure-environments", "Environments of development are secured")
        .asks(&[each(Isolated)])
        .unrecorded(&["machines of developers"])
        .tests(&["without_any_layer_a_step_is_recorded_as_unisolated"]),
    Control::new("PS.1.1", "code-protection", "Code is kept from who may not change it")
        .asks(&[each(Recorded)])
        .against(&[Fact::AccessRefused])
        .unrecorded(&["the settings of repositories"]),
    Control::new("PS.2.1", "release-integrity", "Who gets a release can verify it")
        .asks(&[each(Named), each(Provenance), each(Sealed)])
        .tests(&["a_good_dossier_passes_every_required_check"]),
    Control::new("PS.3.1", "release-archive", "Each release is kept, with what belongs to it")
        .asks(&[each(Sealed), each(Governed), if_any(TwoPeople)])
        .against(&[Fact::DisposedEarly])
        .tests(&["what_is_missing_and_was_not_disposed_of_is_named"]),
    Control::new("PS.3.2", "release-provenance", "Where each release comes from is known")
        .asks(&[each(Provenance), each(Listed)])
        .tests(&["provenance_needs_a_commit_and_refuses_parameters_that_nobody_knows"]),
    Control::new("PW.4", "reuse", "Well-secured software is reused, and known")
        .asks(&[each(Listed)])
        .unrecorded(&["where dependencies come from, and who let them in"]),
    Control::new("PW.6", "build", "Builds are made to improve security")
        .asks(&[each(Provenance), each(Isolated)]),
    Control::new("PW.7", "review", "Code is reviewed and analysed")
        .asks(&[each(Scanned), each(CodeReviewed), each(Approved), each(Independent)])
        .against(ROUND_A_GATE)
        .tests(&["whoever_contributed_does_not_decide"]),
    Control::new("PW.8", "tests", "What can be executed is tested")
        .asks(&[each(Tested), each(TestsSigned), each(TestsRequired)])
        .against(ROUND_A_GATE)
        .tests(&["failed_and_missing_tests_refuse_and_nobody_is_asked"]),
    Control::new("RV.1", "vulnerabilities-found", "Vulnerabilities are looked for all the time")
        .asks(&[each(Scanned)])
        .unrecorded(&["scans of what is live already", "reports of others"]),
    Control::new("RV.2", "vulnerabilities-mended", "Vulnerabilities are ranked and mended")
        .asks(&[each(InTerms)])
        .against(PAST_TERMS)
        .tests(&["an_open_critical_finding_keeps_a_release_out"]),
    Control::new("RV.3", "root-causes", "The causes of vulnerabilities are looked at")
        .asks(&[each(CauseKnown)])
        .unrecorded(&["causes of findings, and what followed from them"]),
];
