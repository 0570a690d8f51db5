//! PCI DSS 4.0.1, as far as changes and operations of software are concerned, in our words.

use super::catalogue::{OF_THE_LOG, PAST_TERMS, ROUND_A_GATE};
use super::control::{Control, each, if_any, once, yearly};
use super::fact::Fact;
use super::mark::Mark::*;

const TRAINED: &str =
    "under_pci_a_reviewer_whose_training_is_older_than_a_year_or_yet_to_come_does_not_count";

/// Its controls.
pub(super) const CONTROLS: &[Control] = &[
    Control::new("6.2.1", "secure-development", "Software is developed by secure practice")
        .read()
        .asks(&[each(Recorded), each(PolicyAsked), each(Scanned)])
        .unrecorded(&["the practice that developers follow"]),
    Control::new("6.2.2", "training", "Developers are trained every year")
        .read()
        .unrecorded(&["training of developers: of reviewers only the day is known, and counts"])
        .tests(&[TRAINED]),
    Control::new("6.2.3", "code-review", "Code is reviewed before release, by another person")
        .read()
        .asks(&[each(Approved), each(Independent)])
        .against(ROUND_A_GATE)
        .unrecorded(&["which of those who agreed to a release looked at its code"])
        .tests(&["under_pci_author_reviewer_and_who_releases_are_three_people"]),
    Control::new("6.2.4", "attack-classes", "Common attacks on software are prevented")
        .read()
        .asks(&[each(Scanned), each(InTerms)])
        .unrecorded(&["which classes of attack the rules of a scanner know"]),
    Control::new("6.3.1", "ranked-vulnerabilities", "Vulnerabilities are found and ranked")
        .read()
        .asks(&[each(Scanned)])
        .tests(&["a_finding_has_rule_severity_place_and_message"]),
    Control::new("6.3.2", "component-inventory", "An inventory of components is kept")
        .read()
        .asks(&[each(Listed)])
        .tests(&["no_packager_is_left_out_in_silence"]),
    Control::new("6.3.3", "patches", "Critical and high patches are installed within a month")
        .read()
        .asks(&[each(Scanned), each(InTerms)])
        .against(PAST_TERMS)
        .tests(&["an_open_critical_finding_keeps_a_release_out"]),
    Control::new(
        "6.5.1",
        "change-control",
        "Changes have a reason, an approval, tests and a way back",
    )
    .read()
    .asks(&[
        each(Reasoned),
        each(Approved),
        each(Tested),
        each(Scanned),
        each(Judged),
        each(WayBack),
    ])
    .against(ROUND_A_GATE)
    .unrecorded(&["the impact of a change on security"])
    .tests(&[
        "whoever_contributed_does_not_decide",
        "failed_and_missing_tests_refuse_and_nobody_is_asked",
    ]),
    Control::new(
        "6.5.2",
        "significant-changes",
        "After a significant change all requirements are confirmed",
    )
    .read()
    .unrecorded(&["which changes are significant, and what was confirmed after them"]),
    Control::new("6.5.3", "separation", "Environments are apart, by rights of access")
        .read()
        .asks(&[each(Isolated), each(Gated)])
        .against(ROUND_A_GATE)
        .unrecorded(&["who has access to which environment beside Sluss"]),
    Control::new(
        "6.5.4",
        "approved-changes-only",
        "Roles are apart, and only reviewed and approved changes are deployed",
    )
    .read()
    .asks(&[each(Approved), each(Independent), each(Gated), each(Observed)])
    .against(ROUND_A_GATE)
    .tests(&[
        "under_pci_author_reviewer_and_who_releases_are_three_people",
        "what_runs_is_recorded_and_what_nobody_deployed_is_an_incident_until_it_is_gone",
    ]),
    Control::new(
        "6.5.5-6.5.6",
        "test-data",
        "No live card numbers before production, and no test data",
    )
    .read()
    .applies_if("systems that process card numbers")
    .unrecorded(&["scans for card numbers and for data of tests"]),
    Control::new("7", "least-privilege", "Rights are as few as a role needs")
        .asks(&[if_any(OthersAgreed), once(Fact::SignedIn), yearly(Fact::AccessReviewed)])
        .against(&[Fact::AccessRefused])
        .unrecorded(&["that rights are reviewed every six months: a year is what is asked for"]),
    Control::new("8.2", "unique-ids", "Each person has an identity of their own")
        .asks(&[once(Fact::SignedIn), if_any(Vouched)])
        .against(&[Fact::AccessRefused])
        .unrecorded(&["a directory of the people behind accounts"]),
    Control::new("8.4", "second-factor", "Access to production takes a second factor")
        .asks(&[each(KeySigned)])
        .unrecorded(&["sign-ins by a second factor"])
        .tests(&["an_approval_is_signed_with_a_key_and_nothing_else_counts"]),
    Control::new("10.2-10.4", "audit-logs", "Logs are complete, protected and looked at")
        .asks(&[each(NeverSilent), each(DaySealed), each(DayWitnessed)])
        .against(OF_THE_LOG)
        .unrecorded(&["daily reviews of the log"])
        .tests(&["a_witness_cosigns_the_log_and_finds_out_a_data_folder_of_yesterday"]),
    Control::new("10.5", "log-retention", "Logs are kept for twelve months, three at once at hand")
        .asks(&[each(Governed), if_any(TwoPeople)])
        .against(&[Fact::DisposedEarly])
        .tests(&["two_people_dispose_of_what_is_due_and_of_nothing_that_is_held_or_needed"]),
    Control::new("10.6", "time", "Clocks agree")
        .asks(&[each(NeverSilent), once(Fact::ClockTold)])
        .against(&[Fact::ClockJumped, Fact::WasSilent])
        .tests(&["a_clock_that_jumped_shuts_forward_gates_but_takes_back_all_the_same"]),
    Control::new("11.5.2", "change-detection", "Changes that nobody made are detected")
        .asks(&[each(Observed)])
        .against(&[Fact::ShadowFound])
        .tests(&["what_runs_is_recorded_and_what_nobody_deployed_is_an_incident_until_it_is_gone"]),
];
