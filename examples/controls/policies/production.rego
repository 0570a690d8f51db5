# The gate before customers: what has to be so before a release of the sample bank goes live.
#
# A release passes when nothing stands against it. What it is judged by has to be there:
# evidence_complete names every fact, so that a missing one closes the gate instead of silencing
# the rule that looks at it.
package sluss.gate

import rego.v1

default allow := false

allow if {
	evidence_complete
	count(deny) == 0
}

evidence_complete if {
	is_number(input.now_ms)
	is_boolean(input.environment.customers)
	is_boolean(input.release.first)
	is_array(input.release.changed_paths)
	count(input.release.artifacts) > 0
	count(input.contributors) > 0
	is_array(input.approvals)
	count(input.tests.required) > 0
	count(input.tests.runs) > 0
	is_boolean(input.performance.known)
	is_number(input.performance.slower_permille)
	is_number(input.performance.limit_permille)
	is_boolean(input.coverage.known)
	is_number(input.coverage.lines_permille)
	is_number(input.coverage.minimum_permille)
	count(input.scans) > 0
	is_array(input.findings)
	is_boolean(input.sbom.present)
	is_number(input.sbom.components)
	is_boolean(input.provenance.present)
	is_boolean(input.provenance.isolated)
	is_string(input.provenance.builder)
	is_boolean(input.freeze.allowed)
	is_array(input.dependencies)
	is_boolean(input.error_budget.known)
	is_number(input.error_budget.remaining_permille)
	is_array(input.history)
	count(input.findings) == input.counts.findings
}

# Tests: every required check is green on every artifact, and a red run was accepted by someone.

green(check) if {
	count(input.release.artifacts) > 0
	every digest in input.release.artifacts {
		green_on(check, digest)
	}
}

green_on(check, digest) if {
	some run in input.tests.runs
	run.check == check
	run.digest == digest
	run.outcome == "passed"
	run.passed > 0
	run.failed == 0
}

deny contains {
	"rule": "tests.green",
	"controls": ["mi-3"],
	"msg": sprintf("the check %s is not green on every artifact", [check]),
	"evidence": [check],
} if {
	some check in input.tests.required
	not green(check)
}

deny contains {
	"rule": "tests.red_accepted",
	"controls": ["mi-3"],
	"msg": sprintf("a run of %s was not green and nobody accepted that", [run.check]),
	"evidence": [run.check, run.digest],
} if {
	some run in input.tests.runs
	run.check in input.tests.required
	run.outcome != "passed"
	run.accepted != true
}

# Performance: slower than it may be.

deny contains {
	"rule": "performance.slower",
	"controls": [],
	"msg": "it is slower than what is live by more than it may be",
	"evidence": [],
} if {
	input.performance.known
	input.performance.slower_permille > input.performance.limit_permille
}

warn contains {
	"rule": "performance.unknown",
	"controls": [],
	"msg": "nobody measured how quick it is",
	"evidence": [],
} if {
	not input.performance.known
}

warn contains {
	"rule": "coverage.low",
	"controls": [],
	"msg": "its tests reach less of it than they should",
	"evidence": [],
} if {
	input.coverage.known
	input.coverage.lines_permille < input.coverage.minimum_permille
}

# What it is made of, and where it was built.

deny contains {
	"rule": "sbom.present",
	"controls": ["mi-8"],
	"msg": "there is no bill of materials, or it lists nothing",
	"evidence": [],
} if {
	not bill_of_materials
}

bill_of_materials if {
	input.sbom.present
	input.sbom.components > 0
}

deny contains {
	"rule": "provenance.present",
	"controls": ["mi-8"],
	"msg": "nothing signed says where it was built, in isolation",
	"evidence": [input.provenance.builder],
} if {
	not built_in_isolation
}

built_in_isolation if {
	input.provenance.present
	input.provenance.isolated
}

# Findings: each scanner looked at each artifact, and nothing critical is past its day.

scanned(scanner, digest) if {
	some scan in input.scans
	scan.scanner == scanner
	scan.digest == digest
	scan.outcome == "finished"
}

deny contains {
	"rule": "scans.finished",
	"controls": ["mi-7"],
	"msg": sprintf("the scan %s did not finish on every artifact", [scanner]),
	"evidence": [digest],
} if {
	some scanner in data.limits.scanners
	some digest in input.release.artifacts
	not scanned(scanner, digest)
}

deny contains {
	"rule": "findings.critical_past_due",
	"controls": ["mi-7"],
	"msg": sprintf("the critical finding %s is past its day", [finding.id]),
	"evidence": [finding.id, finding.scanner],
} if {
	some finding in input.findings
	finding.severity == "critical"
	finding.status == "open"
	finding.waived != true
	finding.due_ms <= input.now_ms
}

# Approvals: paths that touch money need two persons who had no hand in the change.

risky_paths contains path if {
	some path in input.release.changed_paths
	some prefix in data.limits.risky_prefixes
	startswith(path, prefix)
}

contributors contains contributor.person if some contributor in input.contributors

approvers contains approval.person if {
	some approval in input.approvals
	approval.kind == "person"
	approval.valid_until_ms > input.now_ms
	not approval.person in contributors
}

deny contains {
	"rule": "approvals.risky_paths",
	"controls": ["mi-4", "mi-12"],
	"msg": sprintf("%v risky path(s), %v of %v approvals by persons without a hand in it", [
		count(risky_paths),
		count(approvers),
		data.limits.approvals_when_risky,
	]),
	"evidence": sort([path | some path in risky_paths]),
} if {
	count(risky_paths) > 0
	count(approvers) < data.limits.approvals_when_risky
}

require contains {"kind": "approvals", "role": "risk", "count": 1} if count(risky_paths) > 0

require contains {"kind": "canary_at_most", "permille": data.limits.canary_permille_when_risky} if {
	count(risky_paths) > 0
}

# The objective: spent is spent; without data a person is asked.

deny contains {
	"rule": "error_budget.exhausted",
	"controls": [],
	"msg": "the error budget is exhausted; what mends it goes by break-glass",
	"evidence": [],
} if {
	input.error_budget.known
	input.error_budget.remaining_permille == 0
}

require contains {"kind": "approvals", "role": "operations", "count": 1} if {
	not input.error_budget.known
	not input.release.first
}

# The calendar, and what it needs.

deny contains {
	"rule": "freeze.allowed",
	"controls": ["mi-5"],
	"msg": "the calendar holds it",
	"evidence": [],
} if {
	not input.freeze.allowed
}

deny contains {
	"rule": "dependencies.satisfied",
	"controls": [],
	"msg": sprintf("it needs a newer %s than is live", [dependency.service]),
	"evidence": [dependency.service],
} if {
	some dependency in input.dependencies
	not dependency.satisfied
}

# A service that was taken back again and again starts small.

taken_back contains past.deployment if {
	some index, past in input.history
	index < data.limits.history_looked_at
	past.outcome == "rolled_back"
}

require contains {"kind": "canary_at_most", "permille": 10} if {
	input.environment.customers
	count(taken_back) > 1
}
