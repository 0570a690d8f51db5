//! EBA/GL/2019/04, guidelines on ICT and security risk, in our words. For entities under DORA its
//! text on changes does not apply any more (EBA/GL/2025/02); it is kept for others, and for audits
//! of earlier years.

use super::catalogue::{OF_THE_LOG, ROUND_A_GATE};
use super::control::{Control, each, if_any, once, yearly};
use super::fact::Fact;
use super::finos::TAKEN_BACK;
use super::mark::Mark::*;

const WHOM: &str = "entities that DORA does not apply to, and audits of the time before 2025";

/// Its controls.
pub(super) const CONTROLS: &[Control] = &[
    Control::new("3.3.1", "three-lines", "Who controls risk is apart from who operates")
        .applies_if(WHOM)
        .asks(&[each(OthersAgreed), each(DayWitnessed)])
        .against(OF_THE_LOG)
        .unrecorded(&["of which line of defence a person is"]),
    Control::new("3.4.2", "logical-security", "Access is limited, personal and reviewed")
        .applies_if(WHOM)
        .asks(&[
            once(Fact::SignedIn),
            each(Independent),
            if_any(Vouched),
            yearly(Fact::AccessReviewed),
        ])
        .against(&[Fact::AccessRefused])
        .unrecorded(&["sign-ins by a second factor"]),
    Control::new("3.4.4", "operations-security", "Vulnerabilities and alterations are found")
        .applies_if(WHOM)
        .asks(&[each(Scanned), each(InTerms), each(Observed)])
        .against(&[Fact::ShadowFound])
        .unrecorded(&["how long patches took"])
        .tests(&["an_open_critical_finding_keeps_a_release_out"]),
    Control::new("3.4.5", "monitoring", "What happens is logged, and anomalies are detected")
        .applies_if(WHOM)
        .asks(&[each(NeverSilent), each(Judged)])
        .against(OF_THE_LOG)
        .tests(&["a_log_in_which_nothing_happens_beats_and_a_stop_is_a_silence"]),
    Control::new("3.5", "operations", "Assets and what they need are known")
        .applies_if(WHOM)
        .asks(&[each(Observed), each(Listed), each(Dependencies), yearly(Fact::BackupRestored)])
        .against(&[Fact::ShadowFound]),
    Control::new("3.5.1", "incidents", "Incidents are recorded, ranked and learnt from")
        .applies_if(WHOM)
        .asks(&[each(CauseKnown), each(Classified), each(Closed), each(Learnt)])
        .unrecorded(&["whether what a review asks for was done"]),
    Control::new("3.6.1", "projects", "Requirements of security are part of each project")
        .applies_if(WHOM)
        .asks(&[each(Reasoned)])
        .unrecorded(&["projects, and requirements of security"]),
    Control::new("3.6.2", "development", "Systems are tested, apart, and their code protected")
        .applies_if(WHOM)
        .asks(&[each(Tested), each(TestsRequired), each(Provenance), each(Isolated)])
        .against(ROUND_A_GATE)
        .unrecorded(&["systems that end users build"])
        .tests(&["failed_and_missing_tests_refuse_and_nobody_is_asked"]),
    Control::new(
        "3.6.3",
        "change-management",
        "Changes are recorded, tested, assessed, approved, carried out and verified",
    )
    .applies_if(WHOM)
    .asks(&[
        each(Recorded),
        each(Tested),
        each(Gated),
        each(Approved),
        each(Independent),
        each(Ended),
        each(Judged),
        if_any(Reviewed),
    ])
    .against(ROUND_A_GATE)
    .tests(&["whoever_contributed_does_not_decide"]),
    Control::new("3.7", "continuity", "Plans of continuity are made and tested")
        .applies_if(WHOM)
        .asks(&[each(WayBack), TAKEN_BACK])
        .unrecorded(&["plans of continuity, and tests of them"]),
];
