//! Every endpoint of the API: its address, who may use it, what it takes and answers.

use axum::routing::{delete, get, post, put};

use super::endpoint::{Endpoint, reads, writes};
use super::{
    access, acts, alerts, approvals, ask, calendar, changes, checks, contracts, controls,
    dependencies, deployments, emergencies, evidence, exceptions, findings, inbox, incident_report,
    incidents, keys, log, people, policies, population, records, releases, reporting, retention,
    runs, status, step_log, stops, tokens,
};
use crate::openapi;
use crate::routes::Who;

/// Every endpoint.
pub const ENDPOINTS: &[Endpoint] = &[
    reads::<serde_json::Value>("/api/v1/openapi.json", "Describe this API", || {
        get(openapi::document)
    })
    .who(Who::Public),
    reads::<status::StatusView>("/api/v1/status", "Say how everything stands", || {
        get(status::status)
    }),
    reads::<changes::ChangesView>("/api/v1/changes", "List changes, newest first", || {
        get(changes::all)
    })
    .query(&["service", "limit"]),
    reads::<changes::ChangeView>("/api/v1/changes/{change}", "Show a change", || get(changes::one)),
    reads::<changes::WhereView>(
        "/api/v1/where/{what}",
        "Say where a change, a commit or a service is",
        || get(changes::whereabouts),
    ),
    reads::<runs::RunView>("/api/v1/runs/{run}", "Show a run", || get(runs::one)),
    reads::<String>("/api/v1/runs/{run}/steps/{step}/log", "Read what a step printed", || {
        get(step_log::of_run)
    })
    .query(&["attempt", "follow", "from"])
    .text(),
    writes::<ask::DoneView>("/api/v1/runs/{run}/cancel", "Cancel a run", || post(acts::cancel)),
    reads::<releases::ReleaseView>("/api/v1/releases/{release}", "Show a release", || {
        get(releases::one)
    }),
    reads::<findings::FindingsOfView>(
        "/api/v1/releases/{release}/findings",
        "Show what scanners found in a release, and until when it has to be mended",
        || get(findings::of_release),
    ),
    reads::<checks::ChecksView>(
        "/api/v1/releases/{release}/checks",
        "Say what `sluss-verify` would say of the evidence of a release as it is now",
        || get(checks::one),
    ),
    reads::<String>(
        "/api/v1/releases/{release}/dossier",
        "Take out the evidence of a release, which is recorded",
        || get(evidence::dossier),
    )
    .query(&["identities"])
    .zip(),
    writes::<ask::DoneView>("/api/v1/releases/{release}/promote", "Promote a release", || {
        post(acts::promote)
    })
    .takes::<acts::PromotionWanted>(),
    writes::<ask::DoneView>(
        "/api/v1/releases/{release}/unbar",
        "Let a release go on that was taken back",
        || post(acts::unbar),
    ),
    reads::<deployments::DeploymentView>(
        "/api/v1/deployments/{deployment}",
        "Show a deployment: gates, approval, rollout",
        || get(deployments::one),
    ),
    reads::<String>(
        "/api/v1/deployments/{deployment}/steps/{step}/log",
        "Read what an acceptance step printed",
        || get(step_log::of_deployment),
    )
    .query(&["attempt", "follow", "from"])
    .text(),
    writes::<ask::DoneView>("/api/v1/deployments/{deployment}/hold", "Hold a rollout", || {
        post(acts::hold)
    }),
    writes::<ask::DoneView>(
        "/api/v1/deployments/{deployment}/resume",
        "Let a held rollout go on; a first release with the password",
        || post(acts::resume),
    )
    .takes::<retention::InPersonWanted>(),
    writes::<ask::DoneView>(
        "/api/v1/places/{service}/{environment}/rollback",
        "Take back what is rolling out or live",
        || post(acts::rollback),
    ),
    reads::<inbox::InboxView>(
        "/api/v1/inbox",
        "List what waits for whoever asks, with all that a decision takes",
        || get(inbox::mine),
    ),
    writes::<ask::DoneView>(
        "/api/v1/inbox/keys/{key}/vouch",
        "Vouch that a key is that of who registered it, in person",
        || post(inbox::vouch),
    )
    .takes::<exceptions::InPerson>()
    .who(Who::Approver),
    reads::<approvals::ApprovalsView>(
        "/api/v1/approvals",
        "List what second persons are asked",
        || get(approvals::all),
    ),
    reads::<approvals::ApprovalView>(
        "/api/v1/approvals/{subject}",
        "Show what a second person is asked",
        || get(approvals::one),
    ),
    writes::<ask::DoneView>(
        "/api/v1/approvals/{subject}/revoke",
        "Take back that you agreed, before it begins, with the password",
        || post(approvals::revoke),
    )
    .takes::<approvals::RevokeWanted>()
    .who(Who::Approver),
    writes::<ask::DoneView>(
        "/api/v1/approvals/{subject}",
        "Approve or refuse, as a second person, with the password",
        || post(acts::decide),
    )
    .takes::<acts::DecisionWanted>()
    .who(Who::Approver),
    reads::<contracts::ContractsView>(
        "/api/v1/contracts",
        "Say who provides what to whom, and what waits for others",
        || get(contracts::all),
    ),
    reads::<dependencies::DependenciesView>(
        "/api/v1/dependencies",
        "Say what live services need of each other",
        || get(dependencies::all),
    ),
    reads::<records::EnvironmentsView>("/api/v1/environments", "Say what is live where", || {
        get(records::environments)
    }),
    reads::<records::IncidentsView>("/api/v1/incidents", "List incidents, newest first", || {
        get(records::incidents)
    }),
    writes::<ask::DoneView>("/api/v1/incidents", "Report an incident", || post(acts::report))
        .takes::<acts::IncidentWanted>(),
    writes::<ask::DoneView>("/api/v1/incidents/{incident}/link", "Name its cause", || {
        post(acts::link)
    })
    .takes::<acts::LinkWanted>(),
    reads::<incidents::RecurringsView>(
        "/api/v1/incidents/recurring",
        "Show incidents with the same cause within six months, as one",
        || get(incidents::recurring),
    ),
    reads::<incidents::WholeView>(
        "/api/v1/incidents/{incident}",
        "Show an incident with its clocks",
        || get(incidents::one),
    ),
    reads::<incident_report::ReportView>(
        "/api/v1/incidents/{incident}/report",
        "Write what the log knows for a report to the authority",
        || get(incident_report::report),
    )
    .query(&["kind"]),
    writes::<ask::DoneView>(
        "/api/v1/incidents/{incident}/classify",
        "Classify an incident, as a person",
        || post(reporting::classify),
    )
    .takes::<reporting::ClassificationWanted>(),
    writes::<ask::DoneView>(
        "/api/v1/incidents/{incident}/notified",
        "Say that the authority was told, as a person",
        || post(reporting::notified),
    )
    .takes::<reporting::NotificationWanted>(),
    writes::<alerts::TakenView>(
        "/api/v1/alerts",
        "Take alerts, as Alertmanager sends them to a webhook",
        || post(alerts::take),
    )
    .takes::<alerts::Alerts>(),
    writes::<ask::DoneView>("/api/v1/incidents/{incident}/close", "Close an incident", || {
        post(acts::close)
    }),
    reads::<exceptions::ExceptionsView>(
        "/api/v1/exceptions",
        "List exceptions, newest first",
        || get(exceptions::all),
    ),
    writes::<ask::DoneView>("/api/v1/exceptions", "Ask for an exception from a gate", || {
        post(exceptions::ask)
    })
    .takes::<exceptions::ExceptionWanted>(),
    writes::<ask::DoneView>(
        "/api/v1/exceptions/{exception}/grant",
        "Grant an exception, as a second person, with the password",
        || post(exceptions::grant),
    )
    .takes::<exceptions::InPerson>()
    .who(Who::Approver),
    writes::<ask::DoneView>("/api/v1/exceptions/{exception}/end", "Refuse or end one", || {
        post(exceptions::end)
    })
    .who(Who::Approver),
    writes::<ask::DoneView>(
        "/api/v1/exceptions/{exception}/review",
        "Say what came of an emergency",
        || post(exceptions::review),
    )
    .takes::<exceptions::InPerson>()
    .who(Who::Approver),
    reads::<emergencies::EmergenciesView>(
        "/api/v1/exceptions/report",
        "Report the emergencies of a period, for the function that answers for risk",
        || get(emergencies::report),
    )
    .query(&["from", "to"]),
    reads::<access::AccessView>(
        "/api/v1/access",
        "Say who may decide and deploy at a time",
        || get(access::at),
    )
    .query(&["at_ms"]),
    writes::<ask::DoneView>("/api/v1/access/reviews", "Record a review of access", || {
        post(access::review)
    })
    .takes::<access::ReviewWanted>()
    .who(Who::Approver),
    writes::<ask::DoneView>(
        "/api/v1/rehearsals",
        "Record a restored backup or a rollback drill, with the password",
        || post(access::rehearse),
    )
    .takes::<access::RehearsalWanted>()
    .who(Who::Approver),
    writes::<ask::DoneView>(
        "/api/v1/releases/{release}/tests/accept",
        "Accept tests of a release that failed or could not run",
        || post(access::accept_tests),
    )
    .takes::<access::AcceptWanted>()
    .who(Who::Approver),
    writes::<ask::DoneView>("/api/v1/delegations", "Let another person decide for you", || {
        post(exceptions::delegate)
    })
    .takes::<exceptions::DelegationWanted>()
    .who(Who::Approver),
    reads::<records::FreezesView>("/api/v1/freezes", "List freezes, newest first", || {
        get(records::freezes)
    }),
    writes::<ask::DoneView>("/api/v1/freezes", "Set a freeze", || post(acts::freeze))
        .takes::<acts::FreezeWanted>(),
    writes::<ask::DoneView>(
        "/api/v1/freezes/{freeze}/lift",
        "Lift a freeze that somebody else set, with the password",
        || post(acts::lift),
    )
    .takes::<stops::LiftWanted>()
    .who(Who::Approver),
    reads::<stops::StopsView>("/api/v1/stops", "List stops of the line, newest first", || {
        get(stops::all)
    }),
    writes::<ask::DoneView>("/api/v1/stops", "Stop the line", || post(stops::stop))
        .takes::<stops::StopWanted>(),
    writes::<ask::DoneView>(
        "/api/v1/stops/{stop}/lift",
        "Agree that the line runs again, with the password",
        || post(stops::lift),
    )
    .takes::<stops::LiftWanted>()
    .who(Who::Approver),
    reads::<calendar::CalendarView>(
        "/api/v1/calendar",
        "Show the months to come: windows, freezes, and what waits for them",
        || get(calendar::calendar),
    )
    .query(&["months", "service", "environment"]),
    reads::<policies::PoliciesView>("/api/v1/policies", "Show the policies in force", || {
        get(policies::active)
    }),
    reads::<String>(
        "/api/v1/policies/inputs/{digest}",
        "Read what a policy was given, as it was digested",
        || get(policies::given),
    )
    .text(),
    reads::<policies::DifferenceView>(
        "/api/v1/policies/difference/{subject}",
        "Say what proposed policies would have made of the past",
        || get(policies::difference),
    ),
    writes::<ask::DoneView>(
        "/api/v1/clock/confirm",
        "Say that the clock is right, with the password",
        || post(acts::confirm_clock),
    )
    .takes::<retention::InPersonWanted>()
    .who(Who::Approver),
    writes::<ask::DoneView>(
        "/api/v1/people/identify",
        "Say who a contributor is whom no organisation names, with the password",
        || post(people::identify),
    )
    .takes::<people::IdentifyWanted>(),
    reads::<retention::RetentionView>(
        "/api/v1/retention",
        "Say what is kept for how long, held, disposed of and erased",
        || get(retention::show),
    ),
    reads::<retention::DuesView>("/api/v1/retention/due", "List what is due", || {
        get(retention::due)
    }),
    reads::<retention::ContentView>(
        "/api/v1/retention/contents/{digest}",
        "Say how a content stands that events name by its digest",
        || get(retention::content),
    ),
    writes::<ask::DoneView>("/api/v1/retention/holds", "Place a legal hold", || {
        post(retention::place)
    })
    .takes::<retention::HoldWanted>()
    .who(Who::Approver),
    writes::<ask::DoneView>(
        "/api/v1/retention/holds/{hold}/lift",
        "Agree that a legal hold be lifted, with the password",
        || post(retention::lift),
    )
    .takes::<retention::ReasonWanted>()
    .who(Who::Approver),
    writes::<ask::DoneView>(
        "/api/v1/retention/disposals",
        "Propose to dispose of contents; before their period for a reason",
        || post(retention::propose),
    )
    .takes::<retention::DisposalWanted>()
    .who(Who::Approver),
    writes::<ask::DoneView>(
        "/api/v1/retention/disposals/{disposal}/agree",
        "Agree to a disposal, as a second person, with the password",
        || post(retention::agree),
    )
    .takes::<retention::InPersonWanted>()
    .who(Who::Approver),
    writes::<ask::DoneView>(
        "/api/v1/retention/disposals/{disposal}/refuse",
        "Refuse a disposal, or take it back",
        || post(retention::refuse),
    )
    .who(Who::Approver),
    writes::<ask::DoneView>(
        "/api/v1/retention/erasures",
        "Propose to erase a person, with the password",
        || post(retention::propose_erasure),
    )
    .takes::<retention::ErasureWanted>()
    .who(Who::Approver),
    writes::<ask::DoneView>(
        "/api/v1/retention/erasures/{erasure}/agree",
        "Agree that a person be erased, as a second person, with the password",
        || post(retention::agree_erasure),
    )
    .takes::<retention::InPersonWanted>()
    .who(Who::Approver),
    writes::<ask::DoneView>(
        "/api/v1/retention/erasures/{erasure}/refuse",
        "Refuse to erase a person, with the password",
        || post(retention::refuse_erasure),
    )
    .takes::<retention::InPersonWanted>()
    .who(Who::Approver),
    reads::<controls::ControlsView>(
        "/api/v1/controls",
        "Say what the log has to show for each control over a period",
        || get(controls::all),
    )
    .query(&["catalogue", "from", "to"]),
    reads::<serde_json::Value>(
        "/api/v1/controls/cyclonedx",
        "Say the same as CycloneDX 1.6 declarations",
        || get(controls::cyclonedx),
    )
    .query(&["catalogue", "from", "to"]),
    reads::<keys::KeysView>("/api/v1/keys", "List the keys that sign, or signed", || {
        get(keys::all)
    }),
    writes::<keys::KeysView>("/api/v1/keys/rotate", "Hand over to a new key", || {
        post(keys::rotate)
    })
    .takes::<keys::KeyWanted>()
    .who(Who::Approver),
    writes::<keys::KeysView>("/api/v1/keys/retire", "End the former key", || post(keys::retire))
        .takes::<keys::KeyWanted>()
        .who(Who::Approver),
    reads::<log::EventsView>("/api/v1/log", "List events; the last ones unless told", || {
        get(log::events)
    })
    .query(&["from", "limit", "stream", "type"]),
    reads::<String>("/api/v1/log/checkpoint", "Get the last signed checkpoint", || {
        get(log::checkpoint)
    })
    .text(),
    reads::<String>("/api/v1/log/key", "Get the key that checkpoints are checked with", || {
        get(log::key)
    })
    .text(),
    reads::<evidence::TrustView>("/api/v1/log/trust", "Get the keys of dossiers", || {
        get(evidence::trust)
    }),
    reads::<population::PopulationView>(
        "/api/v1/log/population",
        "Prove that no deployment of a period is missing",
        || get(population::population),
    )
    .query(&["from", "to"]),
    reads::<log::EntryView>("/api/v1/log/{position}", "Show an event and its leaf", || {
        get(log::entry)
    }),
    reads::<String>("/api/v1/log/{position}/proof", "Prove an event's place (tlog-proof)", || {
        get(log::proof)
    })
    .text(),
    reads::<tokens::SessionView>("/api/v1/session", "Say who asks", || get(tokens::session)),
    reads::<tokens::TokensView>("/api/v1/tokens", "List one's tokens", || get(tokens::tokens)),
    writes::<tokens::NewTokenView>("/api/v1/tokens", "Make a token", || post(tokens::create))
        .takes::<tokens::TokenWanted>()
        .who(Who::SignedIn),
    writes::<tokens::ChangedView>("/api/v1/tokens/{id}", "Revoke a token", || {
        delete(tokens::revoke)
    })
    .method("DELETE")
    .who(Who::SignedIn),
    reads::<tokens::SecretsView>(
        "/api/v1/services/{service}/secrets",
        "List the names of a service's secrets",
        || get(tokens::secrets),
    )
    .who(Who::Developer),
    writes::<tokens::ChangedView>(
        "/api/v1/services/{service}/secrets/{name}",
        "Set a secret",
        || put(tokens::put_secret),
    )
    .method("PUT")
    .takes::<tokens::SecretWanted>(),
    writes::<tokens::ChangedView>(
        "/api/v1/services/{service}/secrets/{name}",
        "Remove a secret",
        || delete(tokens::delete_secret),
    )
    .method("DELETE"),
];
