//! General IT controls over change, as audits under the Sarbanes-Oxley Act ask for them, in our
//! words: a population that is complete, and a sample of it of which each item is looked at.

use super::catalogue::{OF_THE_LOG, ROUND_A_GATE};
use super::control::{Control, each, if_any, yearly};
use super::fact::Fact;
use super::mark::Mark::*;

/// Its controls.
pub(super) const CONTROLS: &[Control] = &[
    Control::new("population", "complete-population", "The list of changes is complete")
        .asks(&[each(Counted), each(DaySealed)])
        .against(OF_THE_LOG)
        .tests(&[
            "a_seal_that_leaves_a_deployment_out_is_named",
            "a_day_that_was_not_sealed_and_a_period_without_entries_are_named",
        ]),
    Control::new(
        "authorisation",
        "authorised-changes",
        "Each change is requested, tested, and approved before it goes live",
    )
    .asks(&[each(Reasoned), each(Recorded), each(Tested), each(Approved)])
    .against(ROUND_A_GATE)
    .tests(&["an_approval_is_asked_again_when_the_policy_changes"]),
    Control::new("segregation", "segregation-of-duties", "Who makes a change does not approve it")
        .asks(&[each(Independent)])
        .against(ROUND_A_GATE)
        .tests(&["whoever_contributed_does_not_decide"]),
    Control::new("deployment", "tied-to-approval", "What is deployed is what was approved")
        .asks(&[each(Named), each(Provenance), each(Gated), each(Observed)])
        .against(&[Fact::ShadowFound])
        .tests(&["approvals_of_another_release_are_not_this_ones"]),
    Control::new("emergencies", "emergency-changes", "Each emergency is reviewed")
        .asks(&[each(Reviewed), if_any(OthersGranted)])
        .against(&[Fact::EmergencyGranted])
        .tests(&["an_emergency_takes_a_second_person_and_shuts_the_gate_until_it_is_reviewed"]),
    Control::new("access", "access-review", "Who could deploy at a time is known and reviewed")
        .asks(&[if_any(OthersAgreed), each(Governed), yearly(Fact::AccessReviewed)])
        .against(&[Fact::AccessRefused]),
    Control::new(
        "configuration",
        "gate-configuration",
        "The gates' own rules change under control",
    )
    .asks(&[each(OthersAgreed)])
    .tests(&["a_changed_calendar_takes_two_people_until_it_is_shown_to_open_no_more"]),
    Control::new("integrity", "shadow-changes", "Nothing runs that was not deployed")
        .asks(&[each(Observed)])
        .against(&[Fact::ShadowFound])
        .tests(&["what_runs_is_recorded_and_what_nobody_deployed_is_an_incident_until_it_is_gone"]),
    Control::new("retention", "seven-years", "Evidence is kept for seven years or longer")
        .asks(&[each(Governed), if_any(TwoPeople)])
        .against(&[Fact::DisposedEarly])
        .tests(&["evidence_that_was_lost_fails_and_evidence_that_was_disposed_of_does_not"]),
];
