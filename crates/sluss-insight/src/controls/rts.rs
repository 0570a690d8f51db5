//! Regulation (EU) 2024/1774, the technical standard of DORA on the management of ICT risk, in our
//! words.

use super::catalogue::{OF_THE_LOG, ROUND_A_GATE};
use super::control::{Control, each, if_any, once, yearly};
use super::fact::Fact;
use super::finos::TAKEN_BACK;
use super::mark::Mark::*;

const LOG_TESTS: &[&str] = &[
    "a_log_in_which_nothing_happens_beats_and_a_stop_is_a_silence",
    "a_witness_cosigns_the_log_and_finds_out_a_data_folder_of_yesterday",
];

/// Its controls.
pub(super) const CONTROLS: &[Control] = &[
    Control::new("8(2)(b)(iii)", "operations-log", "What is changed and operated is logged")
        .read()
        .asks(&[each(NeverSilent), each(Recorded), each(Ended)])
        .against(OF_THE_LOG)
        .tests(LOG_TESTS),
    Control::new(
        "8(2)(b)(v)-(vi)",
        "separation",
        "Production is apart from where software is made",
    )
    .read()
    .asks(&[each(Isolated), each(Gated)])
    .against(ROUND_A_GATE)
    .unrecorded(&["which machine an environment stands on, and who else is on it"])
    .tests(&["without_any_layer_a_step_is_recorded_as_unisolated"]),
    Control::new(
        "8(2)(b)(vii)",
        "testing-in-production",
        "Testing in production is named, reasoned, limited and approved",
    )
    .read()
    .asks(&[each(Bounded), each(TestAgreed), each(Ended)])
    .against(ROUND_A_GATE)
    .tests(&["undecided_at_the_deadline_holds_until_a_person_resumes"]),
    Control::new("8(2)(c)", "restart-and-rollback", "Restart, rollback and recovery are planned")
        .asks(&[each(WayBack), TAKEN_BACK])
        .unrecorded(&["plans of restart and recovery"])
        .tests(&["a_rollback_by_hand_takes_back_what_is_rolling_or_else_what_is_live"]),
    Control::new("24-26", "continuity-tests", "Plans of continuity and recovery are tested")
        .asks(&[TAKEN_BACK, yearly(Fact::BackupRestored), yearly(Fact::RollbackDrilled)])
        .unrecorded(&["tests of other plans"]),
    Control::new("10", "vulnerabilities", "Vulnerabilities are found, ranked and mended")
        .read()
        .asks(&[each(Scanned), each(Listed), each(InTerms)])
        .against(ROUND_A_GATE)
        .unrecorded(&["how long patches took, and what providers said of their parts"])
        .tests(&["an_open_critical_finding_keeps_a_release_out"]),
    Control::new("12(2)", "logging", "Logs are kept, protected, and their failure is seen")
        .read()
        .asks(&[
            each(NeverSilent),
            each(DayWitnessed),
            each(DaySealed),
            each(Governed),
            if_any(TwoPeople),
            once(Fact::ClockTold),
        ])
        .against(OF_THE_LOG)
        .tests(LOG_TESTS),
    Control::new(
        "16(1)(b),(c)",
        "security-requirements",
        "Security is specified and approved, and nothing is altered on the way to production",
    )
    .read()
    .asks(&[each(Named), each(Provenance), each(Observed), each(PolicyAsked)])
    .against(&[Fact::ShadowFound])
    .unrecorded(&["requirements of security, and who approved them"])
    .tests(&["another_key_another_payload_and_another_type_are_refused"]),
    Control::new("16(2)-(4)", "testing", "Systems are tested and scanned before use")
        .read()
        .asks(&[each(Tested), each(TestsRequired), each(Scanned), each(InTerms)])
        .against(ROUND_A_GATE)
        .unrecorded(&["how deep tests go for how critical a system is"])
        .tests(&[
            "failed_and_missing_tests_refuse_and_nobody_is_asked",
            "what_nobody_scanned_does_not_pass_for_clean",
        ]),
    Control::new("16(5)-(6)", "test-data", "No real data are used outside of production")
        .read()
        .against(&[Fact::RealDataAllowed])
        .unrecorded(&["which data tests use"])
        .tests(&["real_data_in_tests_take_two_others_and_an_end_and_are_told"]),
    Control::new("16(7)", "source-integrity", "Source code is protected")
        .read()
        .asks(&[each(Recorded), each(Provenance)])
        .unrecorded(&["the settings of repositories"]),
    Control::new("16(8),(9)", "other-code", "Foreign code and systems of end users are included")
        .read()
        .asks(&[each(Listed), each(Scanned)])
        .unrecorded(&["systems that end users build", "what a scan was of"])
        .tests(&["no_packager_is_left_out_in_silence"]),
    Control::new(
        "17(1)(a)-(c)",
        "change-approval",
        "Changes meet security, independently approved and in a controlled way",
    )
    .read()
    .asks(&[each(Gated), each(Approved), each(Independent), each(Tested), each(Bounded)])
    .against(ROUND_A_GATE)
    .tests(&[
        "under_dora_no_developer_approves_whoever_wrote_it",
        "whoever_contributed_does_not_decide",
    ]),
    Control::new(
        "17(1)(d),(e)",
        "change-communication",
        "Purpose, scope and time of a change are told, and the way back is known",
    )
    .read()
    .asks(&[each(Reasoned), each(WayBack)])
    .unrecorded(&["scope, time and expected outcome, and who is responsible for the way back"]),
    Control::new(
        "17(1)(f),(g)",
        "emergency-changes",
        "Emergencies are safeguarded, and looked at afterwards",
    )
    .read()
    .asks(&[each(Reviewed), if_any(OthersGranted)])
    .against(&[Fact::EmergencyGranted])
    .tests(&["an_emergency_takes_a_second_person_and_shuts_the_gate_until_it_is_reviewed"]),
    Control::new("17(1)(h)", "security-effect", "What a change does to security is looked at")
        .read()
        .unrecorded(&["whether a change touches measures of security"]),
    Control::new("17(2)", "stress-tests", "Changes are stressed before and after")
        .read()
        .applies_if("central counterparties and central securities depositories")
        .asks(&[once(Fact::Measured)])
        .unrecorded(&["whether what was measured was stressed"]),
    Control::new("20", "identities", "Identities are unique")
        .read()
        .asks(&[once(Fact::SignedIn), if_any(Vouched)])
        .against(&[Fact::AccessRefused])
        .unrecorded(&["a directory of the people behind accounts"]),
    Control::new("21", "access-rights", "Rights are few, apart, and reviewed")
        .asks(&[each(Independent), if_any(OthersAgreed), yearly(Fact::AccessReviewed)])
        .against(&[Fact::AccessRefused])
        .unrecorded(&["which systems are critical, and so reviewed twice a year"]),
    Control::new("22-23", "incident-policy", "Incidents are detected and leave evidence")
        .asks(&[each(CauseKnown), each(Closed), each(Judged)])
        .tests(&["an_alert_opens_one_incident_however_often_it_fires_and_ends_it"]),
];
