//! ISO/IEC 27001:2022, Annex A, as far as changes and operations of software are concerned, in our
//! words.

use super::catalogue::{OF_THE_LOG, PAST_TERMS, ROUND_A_GATE};
use super::control::{Control, each, if_any, once};
use super::fact::Fact;
use super::mark::Mark::*;

/// Its controls.
pub(super) const CONTROLS: &[Control] = &[
    Control::new("5.3", "duties", "Duties are apart")
        .asks(&[each(Approved), each(Independent), if_any(OthersAgreed)])
        .against(ROUND_A_GATE)
        .tests(&["whoever_contributed_does_not_decide"]),
    Control::new(
        "5.24-5.28",
        "incidents",
        "Incidents are handled, learnt from, and leave evidence",
    )
    .asks(&[each(CauseKnown), each(Closed), once(Fact::DossierGiven)])
    .unrecorded(&["reviews of incidents, and what followed from them"])
    .tests(&["an_alert_opens_one_incident_however_often_it_fires_and_ends_it"]),
    Control::new("8.4", "source-access", "Access to source code is under control")
        .asks(&[each(Recorded)])
        .unrecorded(&["the settings of repositories"]),
    Control::new("8.8", "vulnerabilities", "Vulnerabilities are managed")
        .asks(&[each(Scanned), each(InTerms)])
        .against(PAST_TERMS)
        .tests(&["an_open_critical_finding_keeps_a_release_out"]),
    Control::new("8.9", "configurations", "What runs is as declared")
        .asks(&[each(Observed)])
        .against(&[Fact::ShadowFound])
        .tests(&["what_runs_is_recorded_and_what_nobody_deployed_is_an_incident_until_it_is_gone"]),
    Control::new("8.15", "logging", "Logs are made, kept, protected and looked at")
        .asks(&[each(NeverSilent), each(DaySealed), each(DayWitnessed), each(Governed)])
        .against(OF_THE_LOG)
        .tests(&["a_log_in_which_nothing_happens_beats_and_a_stop_is_a_silence"]),
    Control::new("8.16", "monitoring", "What runs is monitored")
        .asks(&[each(Judged), each(Observed)])
        .against(OF_THE_LOG)
        .tests(&["a_live_release_that_begins_to_fail_is_compared_once_more_and_taken_back"]),
    Control::new("8.17", "clocks", "Clocks agree")
        .asks(&[each(NeverSilent), once(Fact::ClockTold)])
        .against(&[Fact::ClockJumped, Fact::WasSilent]),
    Control::new("8.25", "life-cycle", "Development follows rules of security")
        .asks(&[each(Recorded), each(PolicyAsked), each(Gated)])
        .against(ROUND_A_GATE),
    Control::new("8.26", "requirements", "Requirements of security are specified")
        .asks(&[each(Reasoned)])
        .unrecorded(&["requirements of security, and who approved them"]),
    Control::new("8.28", "secure-coding", "Code is written securely")
        .asks(&[each(Scanned), each(Approved)])
        .unrecorded(&["whether a scan was of code", "reviews of code"]),
    Control::new("8.29", "security-tests", "Security is tested before acceptance")
        .asks(&[each(Tested), each(Scanned), each(TestsRequired)])
        .against(ROUND_A_GATE)
        .tests(&["what_nobody_scanned_does_not_pass_for_clean"]),
    Control::new("8.31", "environments", "Environments are apart")
        .asks(&[each(Isolated), each(Gated)])
        .against(ROUND_A_GATE)
        .unrecorded(&["which machine an environment stands on, and who else is on it"]),
    Control::new("8.32", "changes", "Changes are managed")
        .asks(&[
            each(Recorded),
            each(Tested),
            each(Gated),
            each(Approved),
            each(Independent),
            each(Ended),
        ])
        .against(ROUND_A_GATE)
        .tests(&["failed_and_missing_tests_refuse_and_nobody_is_asked"]),
    Control::new("8.33", "test-data", "Data of tests are protected")
        .unrecorded(&["which data tests use, and exceptions for real ones"]),
];
