//! Regulation (EU) 2022/2554 (DORA), as far as changes and operations of software are concerned, in
//! our words.

use super::catalogue::{OF_THE_LOG, ROUND_A_GATE};
use super::control::{Control, each, if_any, once, yearly};
use super::fact::Fact;
use super::finos::TAKEN_BACK;
use super::mark::Mark::*;

/// Its controls.
pub(super) const CONTROLS: &[Control] = &[
    Control::new("6(4)", "independent-control", "A function apart controls ICT risk")
        .read()
        .asks(&[each(OthersAgreed), each(DayWitnessed)])
        .against(OF_THE_LOG)
        .unrecorded(&["of which line of defence a person is"])
        .tests(&["a_witness_cosigns_the_log_and_finds_out_a_data_folder_of_yesterday"]),
    Control::new("8(1),(4)", "inventory", "Functions, assets and what they need are known")
        .asks(&[each(Observed), each(Listed), each(Dependencies)])
        .against(&[Fact::ShadowFound])
        .unrecorded(&["which functions are critical"])
        .tests(&["what_runs_is_recorded_and_what_nobody_deployed_is_an_incident_until_it_is_gone"]),
    Control::new("9(4)(c)", "least-privilege", "Access is limited to what is needed")
        .asks(&[once(Fact::SignedIn), if_any(OthersAgreed), yearly(Fact::AccessReviewed)])
        .against(&[Fact::AccessRefused])
        .tests(&["a_review_of_access_is_due_a_year_after_the_last"]),
    Control::new("9(4)(d)", "strong-authentication", "People prove who they are by strong means")
        .asks(&[each(KeySigned), if_any(Vouched)])
        .unrecorded(&["sign-ins by a second factor"])
        .tests(&[
            "where_a_rule_asks_for_keys_a_password_does_not_count_and_a_signature_does",
            "an_approval_is_signed_with_a_key_and_nothing_else_counts",
        ]),
    Control::new(
        "9(4)(e)",
        "change-management",
        "Every change is recorded, tested, assessed, approved, carried out and verified",
    )
    .read()
    .asks(&[
        each(Recorded),
        each(Tested),
        each(Gated),
        each(Approved),
        each(Independent),
        each(Ended),
        each(Judged),
        if_any(OthersAgreed),
    ])
    .against(ROUND_A_GATE)
    .unrecorded(&["that management approved the process"])
    .tests(&[
        "whoever_contributed_does_not_decide",
        "failed_and_missing_tests_refuse_and_nobody_is_asked",
        "a_verdict_against_it_takes_the_share_bars_the_release_and_opens_an_incident",
    ]),
    Control::new("10", "detection", "Anomalies are detected, and failing detection is, too")
        .asks(&[each(Judged), each(NeverSilent)])
        .against(OF_THE_LOG)
        .tests(&[
            "a_live_release_that_begins_to_fail_is_compared_once_more_and_taken_back",
            "a_log_in_which_nothing_happens_beats_and_a_stop_is_a_silence",
        ]),
    Control::new("11-12", "recovery", "Recovery works, and backups are restored in tests")
        .asks(&[each(WayBack), TAKEN_BACK, yearly(Fact::BackupRestored)])
        .tests(&["a_rollback_by_hand_takes_back_what_is_rolling_or_else_what_is_live"]),
    Control::new("13", "learning", "What happened is learnt from")
        .asks(&[each(CauseKnown), each(Learnt), if_any(Reviewed)])
        .unrecorded(&["whether what a review asks for was done"])
        .tests(&["what_was_learnt_is_said_by_a_person_once_it_is_over"]),
    Control::new(
        "17",
        "incident-management",
        "Incidents are recorded with their causes, classified, and closed",
    )
    .asks(&[each(CauseKnown), each(Classified), each(Closed), each(Learnt)])
    .tests(&["an_alert_opens_one_incident_however_often_it_fires_and_ends_it"]),
    Control::new("18", "incident-classification", "Incidents are classified")
        .read()
        .asks(&[each(Classified), each(ClassifiedInTime)])
        .tests(&["an_incident_that_nobody_classified_in_time_is_named"]),
    Control::new("19", "incident-reporting", "Major incidents are reported in time")
        .read()
        .asks(&[each(ToldInTime)])
        .unrecorded(&["what clients are told"])
        .tests(&["a_major_incident_without_its_initial_notification_in_time_is_a_gap"]),
    Control::new("24-25", "testing-programme", "Systems are tested, critical ones every year")
        .read()
        .asks(&[each(Tested), each(Scanned), yearly(Fact::Tested), yearly(Fact::Scanned)])
        .unrecorded(&["which systems are critical", "tests by penetration and of scenarios"])
        .tests(&["what_nobody_scanned_does_not_pass_for_clean"]),
    Control::new("28-30", "third-parties", "Providers can be left, and their risk is known")
        .asks(&[each(Listed), once(Fact::DossierGiven)])
        .unrecorded(&["providers, contracts with them, and plans to leave them"])
        .tests(&["a_good_dossier_passes_every_required_check"]),
];
