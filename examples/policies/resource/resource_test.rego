package policy_test

import data.policy

request := {"plugin": "resource", "resource-path": ["clinic", "image-key", "scan"], "query": {}}

token(status) := {"manifest": "sha256:91bd…", "submods": {"cpu0": {"ear.status": status}}}

allowed(claims, wanted) if {
	policy.allow with input as claims
		with data.plugin as wanted.plugin
		with data["resource-path"] as wanted["resource-path"]
}

test_affirmed_guest_gets_the_key if allowed(token("affirming"), request)

test_guest_with_a_warning_gets_nothing if not allowed(token("warning"), request)

test_guest_without_appraisal_gets_nothing if not allowed({"manifest": "sha256:91bd…", "submods": {}}, request)

test_withdrawn_manifest_gets_nothing if {
	not allowed(object.union(token("affirming"), {"manifest": "sha256:0000…"}), request)
}

test_other_kinds_are_closed if {
	every kind in {"admin-key", "", "image-key/../admin-key"} {
		not allowed(token("affirming"), object.union(request, {"resource-path": ["clinic", kind, "scan"]}))
	}
}
