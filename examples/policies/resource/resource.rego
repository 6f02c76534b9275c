# Which attested guest gets which resource of the key broker.
# input: the claims of the attestation token. data: the request, as trustee's brokers give it.
package policy

default allow := false

# Keys of the clinic are for guests of the clinic whose every part was affirmed, in an image that is still trusted.
allow if {
	data.plugin == "resource"
	[repository, kind, _] := data["resource-path"]
	grant := grants[repository]
	kind in grant.kinds
	every _, part in input.submods {
		part["ear.status"] == "affirming"
	}
	count(input.submods) > 0
	input.manifest in grant.manifests
}

grants := {"clinic": {
	"kinds": {"image-key", "database"},
	"manifests": {"sha256:6f0e…", "sha256:91bd…"},
}}
