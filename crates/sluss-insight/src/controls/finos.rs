//! FINOS *SDLC Common Controls*, mi-1 to mi-23, in our words.

use super::catalogue::{OF_THE_GATES, OF_THE_LOG, PAST_TERMS, ROUND_A_GATE};
use super::control::{Control, each, if_any, once, yearly};
use super::fact::Fact;
use super::mark::Mark::*;

/// Its controls.
pub(super) const CONTROLS: &[Control] = &[
    Control::new("mi-1", "code-review", "Code is reviewed by another person")
        .read()
        .asks(&[each(CodeReviewed), each(Approved), each(Independent)])
        .against(ROUND_A_GATE)
        .tests(&[
            "neither_who_contributed_nor_a_program_nor_who_has_no_role_reviews_code",
            "a_new_commit_makes_a_review_stale",
            "whoever_contributed_does_not_decide",
            "under_pci_author_reviewer_and_who_releases_are_three_people",
        ]),
    Control::new("mi-2", "content-addressed", "What is released is named by its content")
        .read()
        .asks(&[each(Named)])
        .tests(&["the_same_files_have_the_same_digest_whenever_they_were_made"]),
    Control::new("mi-3", "provenance", "How each version was built is signed")
        .read()
        .asks(&[each(Provenance)])
        .tests(&["provenance_needs_a_commit_and_refuses_parameters_that_nobody_knows"]),
    Control::new("mi-4", "requirements", "Changes follow a requirement")
        .read()
        .asks(&[each(WorkItem)])
        .unrecorded(&["the requirement itself: only its id is known"]),
    Control::new("mi-5", "static-analysis", "Code is scanned")
        .read()
        .asks(&[each(Scanned)])
        .unrecorded(&["whether a scan was of code"])
        .tests(&["what_nobody_scanned_does_not_pass_for_clean"]),
    Control::new("mi-6", "dynamic-analysis", "What runs is scanned")
        .read()
        .unrecorded(&["scans of what runs: reports are read of steps only, whatever they scanned"]),
    Control::new("mi-7", "dependency-scan", "Dependencies are scanned")
        .read()
        .asks(&[each(Scanned), each(Listed)])
        .unrecorded(&["whether a scan was of dependencies"])
        .tests(&["an_open_critical_finding_keeps_a_release_out"]),
    Control::new("mi-8", "version-control", "Code is under version control")
        .read()
        .asks(&[each(Recorded)])
        .unrecorded(&["the settings of repositories"]),
    Control::new("mi-9", "component-inventory", "Components are listed")
        .read()
        .asks(&[each(Listed)])
        .tests(&["no_packager_is_left_out_in_silence"]),
    Control::new("mi-10", "secrets-scan", "Secrets are looked for")
        .read()
        .asks(&[each(Scanned)])
        .unrecorded(&["whether a scan was for secrets"]),
    Control::new("mi-11", "remediation", "Findings are mended in time")
        .read()
        .asks(&[each(Scanned), each(InTerms)])
        .against(PAST_TERMS)
        .tests(&["an_open_critical_finding_keeps_a_release_out"]),
    Control::new("mi-12", "gating", "Gates keep what does not comply")
        .read()
        .asks(&[each(Gated), each(PolicyAsked), each(NoFreeze)])
        .against(OF_THE_GATES)
        .tests(&[
            "failed_and_missing_tests_refuse_and_nobody_is_asked",
            "the_second_person_and_the_calendar_are_asked_also_by_a_stage_that_names_no_gate",
            "a_policy_that_comes_to_no_answer_leaves_what_it_was_given_and_what_came_out",
        ]),
    Control::new("mi-13", "ownership", "Ownership is known").read().asks(&[
        each(Governed),
        if_any(OthersAgreed),
        yearly(Fact::AccessReviewed),
    ]),
    Control::new("mi-14", "test-evidence", "Tests leave evidence")
        .read()
        .asks(&[each(Tested), each(TestsSigned)])
        .against(&[Fact::TestsAccepted])
        .tests(&[
            "failed_and_missing_tests_refuse_and_nobody_is_asked",
            "without_tests_no_gate_pretends_that_there_were_some",
        ]),
    Control::new("mi-15", "test-requirements", "Tests are required")
        .read()
        .asks(&[each(TestsRequired)])
        .against(ROUND_A_GATE)
        .unrecorded(&["which suites a service of its criticality needs"])
        .tests(&["a_service_that_leaves_out_its_tests_is_refused_where_they_are_required"]),
    Control::new("mi-16", "test-sign-off", "Failing tests are signed off by people, with a reason")
        .read()
        .asks(&[each(Answered)])
        .against(&[Fact::TestsAccepted])
        .tests(&[
            "failed_and_missing_tests_refuse_and_nobody_is_asked",
            "who_contributed_accepts_no_red_tests_nor_does_anybody_green_ones",
            "a_sign_off_answers_for_failing_tests_and_stands_among_the_exceptions",
        ]),
    Control::new("mi-17", "dependency-control", "Dependencies are under control")
        .read()
        .asks(&[each(Listed), each(PolicyAsked)])
        .unrecorded(&["which policy speaks of dependencies"]),
    Control::new("mi-18", "dependency-curation", "Dependencies are curated")
        .read()
        .asks(&[each(Listed)])
        .unrecorded(&["where dependencies come from, and who let them in"]),
    Control::new("mi-19", "version-approval", "Each version is approved")
        .read()
        .asks(&[each(Approved), each(Independent)])
        .against(ROUND_A_GATE)
        .tests(&[
            "whoever_contributed_does_not_decide",
            "an_approval_is_asked_again_when_the_policy_changes",
            "an_approval_is_asked_again_when_more_people_turn_out_to_have_contributed",
            "a_forged_approval_is_refused_and_recorded",
        ]),
    Control::new("mi-20", "requirement-approval", "Requirements are approved")
        .read()
        .unrecorded(&["approvals of requirements: they are made in the tracker of work items"]),
    Control::new("mi-21", "infrastructure-inventory", "What runs is known")
        .read()
        .asks(&[each(Observed)])
        .against(&[Fact::ShadowFound])
        .tests(&["what_runs_is_recorded_and_what_nobody_deployed_is_an_incident_until_it_is_gone"]),
    Control::new("mi-22", "retention", "Evidence is kept, and none is missing")
        .read()
        .asks(&[each(Counted), each(DaySealed), each(Governed), if_any(TwoPeople)])
        .against(OF_THE_LOG)
        .unrecorded(&["records of other tools"])
        .tests(&[
            "every_day_is_sealed_also_an_empty_one_and_what_was_refused_is_counted",
            "two_people_dispose_of_what_is_due_and_of_nothing_that_is_held_or_needed",
            "evidence_that_was_lost_fails_and_evidence_that_was_disposed_of_does_not",
        ]),
    Control::new("mi-23", "agents", "Agents answer for what they do")
        .read()
        .asks(&[once(Fact::AgentRan)])
        .against(&[Fact::AccessRefused])
        .unrecorded(&["runs of agents that were not told"])
        .tests(&["whom_an_agent_acts_for_contributed_and_only_the_agent_says_so"]),
];

/// What shows that the way back is gone now and then: used by other catalogues, too.
pub(super) const TAKEN_BACK: super::Ask = once(Fact::RolledBack);
