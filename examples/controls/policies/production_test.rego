# What the production gate promises, as claims; `good` is a release that passes.
package sluss.gate

import rego.v1

artifact := "00000000000000000000000000000000000000000000000000000000000000a1"

other_artifact := "00000000000000000000000000000000000000000000000000000000000000a2"

now := 1795255200000

hour := 3600000

good := {
	"contract": "sluss.gate.input.v1",
	"gate": "policy",
	"now_ms": now,
	"state_size": 40112,
	"environment": {"name": "production", "class": "production", "customers": true},
	"release": {
		"id": "rel-2041",
		"service": "payments",
		"product": "instant-payments",
		"commit": "4f1c3a5e7b9d0f2a4c6e8b0d1f3a5c7e9b1d3f50",
		"artifacts": [artifact],
		"created_ms": now - hour,
		"first": false,
		"changed_paths": ["src/api.rs"],
		"size": {"files": 1, "added": 20, "removed": 4},
	},
	"contributors": [{"person": "p-anna", "kind": "person", "part": "author"}],
	"approvals": [],
	"tests": {"required": ["unit"], "runs": [green_run]},
	"performance": {"known": true, "slower_permille": -12, "limit_permille": 50},
	"coverage": {"known": true, "lines_permille": 871, "minimum_permille": 800},
	"scans": [scan_of("dependencies"), scan_of("secrets")],
	"findings": [],
	"sbom": {"present": true, "components": 212},
	"provenance": {"present": true, "builder": "sluss/sandbox", "isolated": true},
	"freeze": {"allowed": true, "until_ms": now + hour},
	"dependencies": [{"service": "ledger", "satisfied": true}],
	"error_budget": {"known": true, "remaining_permille": 640},
	"waivers": [],
	"emergency": {"active": false, "incident": "none", "opened_ms": 0},
	"history": [],
	"counts": {
		"artifacts": 1,
		"changed_paths": 1,
		"contributors": 1,
		"approvals": 0,
		"required": 1,
		"runs": 1,
		"scans": 2,
		"findings": 0,
		"dependencies": 1,
		"waivers": 0,
		"history": 0,
	},
}

green_run := {
	"check": "unit",
	"outcome": "passed",
	"passed": 118,
	"failed": 0,
	"digest": artifact,
	"at_ms": now - hour,
	"accepted": false,
}

red_run := object.union(green_run, {"outcome": "failed", "passed": 117, "failed": 1})

scan_of(scanner) := {
	"scanner": scanner,
	"outcome": "finished",
	"digest": artifact,
	"at_ms": now - hour,
}

found(severity, due_ms) := {
	"id": "CVE-2026-1111",
	"severity": severity,
	"scanner": "dependencies",
	"status": "open",
	"first_seen_ms": now - (9 * hour),
	"due_ms": due_ms,
	"waived": false,
}

approved_by(person) := {
	"person": person,
	"roles": ["risk"],
	"slot": "risk",
	"at_ms": now - hour,
	"valid_until_ms": now + hour,
	"kind": "person",
}

with_findings(findings) := object.union(good, {
	"findings": findings,
	"counts": {"findings": count(findings)},
})

touching(path, approvals) := object.union(good, {
	"release": {"changed_paths": [path]},
	"approvals": approvals,
})

taken_back_row(deployment) := {
	"deployment": deployment,
	"release": "rel-2000",
	"outcome": "rolled_back",
	"at_ms": now - hour,
}

rules := {denial.rule | some denial in deny}

test_a_release_with_its_evidence_passes if {
	allow with input as good
	count(deny) == 0 with input as good
	count(require) == 0 with input as good
	count(warn) == 0 with input as good
}

test_nothing_passes_without_evidence if {
	not allow with input as {}
	not evidence_complete with input as {}
}

test_a_finding_that_got_lost_closes if {
	lost := object.union(good, {"counts": {"findings": 1}})
	not allow with input as lost
	count(deny) == 0 with input as lost
}

test_a_red_check_closes if {
	red := object.union(good, {"tests": {"runs": [red_run]}})
	not allow with input as red
	rules == {"tests.green", "tests.red_accepted"} with input as red
}

test_red_then_green_closes_until_someone_accepts_it if {
	again := object.union(good, {"tests": {"runs": [red_run, green_run]}})
	rules == {"tests.red_accepted"} with input as again
	accepted := object.union(red_run, {"accepted": true})
	allow with input as object.union(good, {"tests": {"runs": [accepted, green_run]}})
}

test_green_on_one_artifact_is_not_green_on_another if {
	two := object.union(good, {"release": {"artifacts": [artifact, other_artifact]}})
	not allow with input as two
	"tests.green" in rules with input as two
}

test_a_run_without_cases_is_not_green if {
	empty := object.union(green_run, {"passed": 0})
	rules == {"tests.green"} with input as object.union(good, {"tests": {"runs": [empty]}})
}

test_slower_than_it_may_be_closes if {
	slow := object.union(good, {"performance": {"slower_permille": 51}})
	rules == {"performance.slower"} with input as slow
	allow with input as object.union(good, {"performance": {"slower_permille": 50}})
}

test_what_nobody_measured_is_a_warning if {
	unknown := object.union(good, {"performance": {"known": false}})
	allow with input as unknown
	count(warn) == 1 with input as unknown
}

test_low_coverage_is_a_warning if {
	low := object.union(good, {"coverage": {"lines_permille": 700}})
	allow with input as low
	count(warn) == 1 with input as low
}

test_no_bill_of_materials_closes if {
	rules == {"sbom.present"} with input as object.union(good, {"sbom": {"present": false}})
	rules == {"sbom.present"} with input as object.union(good, {"sbom": {"components": 0}})
}

test_no_provenance_closes if {
	unsigned := object.union(good, {"provenance": {"present": false}})
	rules == {"provenance.present"} with input as unsigned
	unisolated := object.union(good, {"provenance": {"isolated": false}})
	rules == {"provenance.present"} with input as unisolated
}

test_a_scan_that_did_not_finish_closes if {
	failed := object.union(scan_of("secrets"), {"outcome": "failed"})
	rules == {"scans.finished"} with input as object.union(good, {
		"scans": [scan_of("dependencies"), failed],
	})
	rules == {"scans.finished"} with input as object.union(good, {"scans": [scan_of("secrets")]})
}

test_a_critical_finding_past_its_day_closes if {
	rules == {"findings.critical_past_due"} with input as with_findings([found("critical", now)])
}

test_a_critical_finding_before_its_day_passes if {
	allow with input as with_findings([found("critical", now + 1)])
}

test_a_waived_fixed_or_lesser_finding_passes if {
	waived := object.union(found("critical", 0), {"waived": true})
	fixed := object.union(found("critical", 0), {"status": "fixed"})
	allow with input as with_findings([waived, fixed, found("high", 0)])
}

test_a_risky_path_needs_two_persons_without_a_hand_in_it if {
	path := "src/ledger/book.rs"
	rules == {"approvals.risky_paths"} with input as touching(path, [])
	rules == {"approvals.risky_paths"} with input as touching(path, [approved_by("p-bo")])
	own := [approved_by("p-bo"), approved_by("p-anna")]
	rules == {"approvals.risky_paths"} with input as touching(path, own)
	twice := [approved_by("p-bo"), approved_by("p-bo")]
	rules == {"approvals.risky_paths"} with input as touching(path, twice)
	allow with input as touching(path, [approved_by("p-bo"), approved_by("p-cleo")])
}

test_an_approval_that_has_run_out_does_not_count if {
	ended := object.union(approved_by("p-cleo"), {"valid_until_ms": now})
	rules == {"approvals.risky_paths"} with input as touching("crypto/a.rs", [
		approved_by("p-bo"),
		ended,
	])
}

test_only_persons_approve if {
	model := object.union(approved_by("p-cleo"), {"kind": "standard_change"})
	rules == {"approvals.risky_paths"} with input as touching("migrations/1.sql", [
		approved_by("p-bo"),
		model,
	])
}

test_a_risky_path_asks_for_risk_and_a_small_first_share if {
	require == {
		{"kind": "approvals", "role": "risk", "count": 1},
		{"kind": "canary_at_most", "permille": 50},
	} with input as touching("src/settlement/fx.rs", [approved_by("p-bo"), approved_by("p-cleo")])
}

test_a_spent_error_budget_closes if {
	spent := object.union(good, {"error_budget": {"remaining_permille": 0}})
	rules == {"error_budget.exhausted"} with input as spent
}

test_an_unknown_error_budget_asks_a_person if {
	unknown := object.union(good, {"error_budget": {"known": false, "remaining_permille": 0}})
	allow with input as unknown
	require == {{"kind": "approvals", "role": "operations", "count": 1}} with input as unknown
	first := object.union(unknown, {"release": {"first": true}})
	count(require) == 0 with input as first
}

test_a_freeze_closes if {
	rules == {"freeze.allowed"} with input as object.union(good, {"freeze": {"allowed": false}})
}

test_what_it_needs_has_to_be_live if {
	behind := object.union(good, {"dependencies": [{"service": "ledger", "satisfied": false}]})
	rules == {"dependencies.satisfied"} with input as behind
}

test_a_service_that_was_taken_back_twice_starts_small if {
	twice := object.union(good, {"history": [taken_back_row("dep-2"), taken_back_row("dep-1")]})
	allow with input as twice
	require == {{"kind": "canary_at_most", "permille": 10}} with input as twice
	once := object.union(good, {"history": [taken_back_row("dep-2")]})
	count(require) == 0 with input as once
}
