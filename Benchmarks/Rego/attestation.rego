# Trust claims of a CPU's evidence, in the shape of trustee's default attestation policy: every claim starts as a
# warning or worse, and a rule for each technology affirms it when the reference values hold.
package policy

import rego.v1

default executables := 33

default hardware := 97

default configuration := 36

trust_claims := {
	"instance_identity": 0,
	"configuration": configuration,
	"executables": executables,
	"file_system": 0,
	"hardware": hardware,
	"runtime_opaque": 0,
	"storage_opaque": 0,
	"sourced_data": 0,
}

# Stands for the host's function: the same policy must run where none can be registered.
query_reference_value(id) := data.reference_values[id]

# SEV-SNP

executables := 3 if {
	input.snp
	input.snp.measurement in query_reference_value("snp_launch_measurement")
}

hardware := 2 if {
	input.snp
	input.snp.reported_tcb_bootloader in query_reference_value("snp_bootloader")
	input.snp.reported_tcb_microcode in query_reference_value("snp_microcode")
	input.snp.reported_tcb_snp in query_reference_value("snp_snp_svn")
	input.snp.reported_tcb_tee in query_reference_value("snp_tee_svn")
}

# Everything that the platform tells of itself is as it was referenced.
configuration := 2 if snp_is_configured

snp_is_configured if {
	input.snp
	input.snp.policy_debug_allowed == false
	input.snp.policy_migrate_ma == false
	input.snp.platform_smt_enabled in query_reference_value("snp_smt_enabled")
	input.snp.platform_tsme_enabled in query_reference_value("snp_tsme_enabled")
	input.snp.policy_abi_major in query_reference_value("snp_guest_abi_major")
	input.snp.policy_abi_minor in query_reference_value("snp_guest_abi_minor")
	input.snp.policy_single_socket in query_reference_value("snp_single_socket")
	input.snp.policy_smt_allowed in query_reference_value("snp_smt_allowed")
}

# No reference values, but at least nobody may look in or move it.
configuration := 3 if {
	input.snp
	not snp_is_configured
	input.snp.policy_debug_allowed == false
	input.snp.policy_migrate_ma == false
}

# TDX

executables := 3 if {
	input.tdx
	input.tdx.quote.body.rtmr_1 in query_reference_value("rtmr_1")
	input.tdx.quote.body.rtmr_2 in query_reference_value("rtmr_2")
	tdx_kernel_is_known
}

tdx_kernel_is_known if {
	some event in input.tdx.uefi_event_logs
	event.event_type == "EV_EFI_BOOT_SERVICES_APPLICATION"
	event.digests[0].digest in query_reference_value("tdvfkernel")
}

hardware := 2 if {
	input.tdx
	input.tdx.quote.header.tee_type == "81000000"
	input.tdx.quote.header.vendor_id == "939a7233f79c4ca9940a0db3957f0607"
	input.tdx.quote.body.mr_td in query_reference_value("mr_td")
	input.tdx.tcb_status == "UpToDate"
	input.tdx.collateral_expiration_status == "0"
}

configuration := 2 if {
	input.tdx
	input.tdx.td_attributes.debug == false
	input.tdx.quote.body.xfam in query_reference_value("xfam")
}

# Sample

executables := 3 if {
	input.sample
	input.sample.launch_digest in query_reference_value("launch_digest")
}

hardware := 2 if {
	input.sample
	input.sample.svn in query_reference_value("svn")
	input.sample.platform_version.major == query_reference_value("major_version")
	input.sample.platform_version.minor >= query_reference_value("minimum_minor_version")
}

configuration := 2 if {
	input.sample
	input.sample.debug == false
}

# Secure Execution: what matters was checked with the header's tags.

executables := 3 if input.se

hardware := 2 if input.se

configuration := 2 if input.se
