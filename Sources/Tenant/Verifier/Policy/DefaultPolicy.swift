/// The policy that appraises evidence when the tenant sets none, for every technology.
///
/// It has the interface and the reference value names of trustee's default, so that values registered for one serve the
/// other, and it covers the technologies that trustee's leaves out. Nothing is affirmed without a reference value.
public enum DefaultPolicy {
    /// The name that tokens carry.
    public static let identifier = "default"

    /// The Rego source, put together from one part for each technology.
    public static let source = [common, amd, intel, azure, tpm, arm].joined(separator: "\n")

    /// Numbers are those of AR4SI: executables 3 is an approved boot, 33 unrecognised; hardware 2 is genuine, 32 genuine but
    /// with a reservation, 97 unrecognised; configuration 2 is approved, 3 without known weakness, 36 not available.
    private static let common = """
        package policy

        import rego.v1

        default executables := 33

        default hardware := 97

        default configuration := 36

        default runtime_opaque := 0

        trust_claims := {
        \t"executables": executables,
        \t"hardware": hardware,
        \t"configuration": configuration,
        \t"runtime-opaque": runtime_opaque,
        }

        # A claim is one of the values, or is the value, that the name stands for. A name without a value is null, and what is
        # null is known of nothing.
        known(name, claim) if {
        \tclaim != null
        \tclaim in query_reference_value(name)
        }

        known(name, claim) if {
        \tclaim != null
        \tclaim == query_reference_value(name)
        }

        """

    private static let amd = """
        snp := object.get(input, "snp", object.get(input, "soft-snp", null))

        # Of a guest whose memory the host may write, the launch says nothing of what runs.
        executables := 3 if {
        \tsnp.policy_debug_allowed == false
        \tknown("snp_launch_measurement", snp.measurement)
        }

        snp_firmware_is_known if {
        \tknown("snp_bootloader", snp.reported_tcb_bootloader)
        \tknown("snp_microcode", snp.reported_tcb_microcode)
        \tknown("snp_snp_svn", snp.reported_tcb_snp)
        \tknown("snp_tee_svn", snp.reported_tcb_tee)
        }

        hardware := 2 if {
        \tinput.snp
        \tsnp_firmware_is_known
        }

        # A stand-in may be all that it should be: it protects nothing from its owner.
        hardware := 32 if input["soft-snp"]

        snp_is_closed if {
        \tsnp.policy_debug_allowed == false
        \tsnp.policy_migrate_ma == false
        }

        snp_platform_is_approved if {
        \tknown("snp_smt_enabled", snp.platform_smt_enabled)
        \tknown("snp_tsme_enabled", snp.platform_tsme_enabled)
        \tknown("snp_guest_abi_major", snp.policy_abi_major)
        \tknown("snp_guest_abi_minor", snp.policy_abi_minor)
        \tknown("snp_single_socket", snp.policy_single_socket)
        \tknown("snp_smt_allowed", snp.policy_smt_allowed)
        }

        configuration := 2 if {
        \tsnp_is_closed
        \tsnp_platform_is_approved
        } else := 3 if snp_is_closed

        runtime_opaque := 2 if {
        \tinput.snp
        \tsnp_is_closed
        }

        """

    private static let intel = """
        tdx := object.get(input, "tdx", object.get(input, "soft-tdx", null))

        # The registers are signed; a log beside them is believed by whoever replays it, not here.
        executables := 4 if {
        \ttdx.td_attributes.debug == false
        \tknown("mr_td", tdx.quote.body.mr_td)
        \tknown("rtmr_1", tdx.quote.body.rtmr_1)
        \tknown("rtmr_2", tdx.quote.body.rtmr_2)
        }

        # A service domain, such as one that migrates guests, is bound.
        tdx_is_served if tdx.quote.body.mr_servicetd != tdx_no_service

        tdx_no_service := sprintf("%096d", [0])

        tdx_is_intels if {
        \ttdx.quote.header.tee_type == "81000000"
        \ttdx.quote.header.vendor_id == "939a7233f79c4ca9940a0db3957f0607"
        }

        hardware := 2 if {
        \tinput.tdx
        \ttdx_is_intels
        \ttdx.tcb_status == "UpToDate"
        \ttdx.collateral_expiration_status == "0"
        }

        hardware := 32 if {
        \tinput["soft-tdx"]
        \ttdx_is_intels
        }

        tdx_is_closed if {
        \ttdx.td_attributes.debug == false
        \ttdx.td_attributes.migratable == false
        \tnot tdx_is_served
        }

        configuration := 2 if {
        \ttdx_is_closed
        \ttdx.td_attributes.septve_disable == true
        \tknown("xfam", tdx.quote.body.xfam)
        } else := 3 if tdx_is_closed

        runtime_opaque := 2 if {
        \tinput.tdx
        \ttdx_is_closed
        }

        executables := 3 if {
        \tinput.sgx.debug == false
        \tknown("sgx_mr_enclave", input.sgx.body.mr_enclave)
        \tknown("sgx_isv_svn", input.sgx.body.isv_svn)
        } else := 3 if {
        \tinput.sgx.debug == false
        \tknown("sgx_mr_signer", input.sgx.body.mr_signer)
        \tknown("sgx_isv_prod_id", input.sgx.body.isv_prod_id)
        \tknown("sgx_isv_svn", input.sgx.body.isv_svn)
        }

        hardware := 2 if {
        \tinput.sgx.tcb_status == "UpToDate"
        \tinput.sgx.collateral_expiration_status == "0"
        }

        configuration := 3 if input.sgx.debug == false

        runtime_opaque := 2 if input.sgx.debug == false

        """

    /// Register 11 is zero until software extends it, so it says what ran only beside register 4, the boot loader. The name
    /// for the paravisor is its own: a guest of another kind could make up the report of one.
    private static let azure = """
        az_snp := input["az-snp-vtpm"]

        az_tdx := input["az-tdx-vtpm"]

        executables := 3 if {
        \taz_snp.policy_debug_allowed == "false"
        \tknown("measurement", az_snp.measurement)
        \tknown("snp_pcr4", az_snp.tpm.pcr04)
        \tknown("snp_pcr11", az_snp.tpm.pcr11)
        }

        hardware := 2 if {
        \tknown("tcb_bootloader", az_snp.reported_tcb_bootloader)
        \tknown("tcb_microcode", az_snp.reported_tcb_microcode)
        \tknown("tcb_snp", az_snp.reported_tcb_snp)
        \tknown("tcb_tee", az_snp.reported_tcb_tee)
        }

        az_snp_is_closed if {
        \taz_snp.policy_debug_allowed == "false"
        \taz_snp.policy_migrate_ma == "false"
        }

        configuration := 2 if {
        \taz_snp_is_closed
        \tknown("smt_enabled", az_snp.platform_smt_enabled)
        \tknown("tsme_enabled", az_snp.platform_tsme_enabled)
        \tknown("abi_major", az_snp.policy_abi_major)
        \tknown("abi_minor", az_snp.policy_abi_minor)
        \tknown("single_socket", az_snp.policy_single_socket)
        \tknown("smt_allowed", az_snp.policy_smt_allowed)
        } else := 3 if az_snp_is_closed

        runtime_opaque := 2 if az_snp_is_closed

        executables := 3 if {
        \taz_tdx.td_attributes.debug == false
        \tknown("az_mr_td", az_tdx.quote.body.mr_td)
        \tknown("tdx_pcr4", az_tdx.tpm.pcr04)
        \tknown("tdx_pcr11", az_tdx.tpm.pcr11)
        }

        hardware := 2 if {
        \taz_tdx.tcb_status == "UpToDate"
        \taz_tdx.collateral_expiration_status == "0"
        }

        az_tdx_is_closed if {
        \taz_tdx.td_attributes.debug == false
        \taz_tdx.td_attributes.migratable == false
        \taz_tdx.quote.body.mr_servicetd == tdx_no_service
        }

        configuration := 2 if {
        \taz_tdx_is_closed
        \tknown("xfam", az_tdx.quote.body.xfam)
        } else := 3 if az_tdx_is_closed

        runtime_opaque := 2 if az_tdx_is_closed

        """

    /// A TPM says what booted, by the boot loader (register 4) and what that measured (11), or for a kernel that the firmware
    /// starts by itself by firmware (0), kernel (4), initrd and command line (9); it does not hide memory from the machine's
    /// owner.
    private static let tpm = """
        executables := 3 if {
        \tknown("tpm_pcr4", input.tpm.pcr04)
        \tknown("tpm_pcr11", input.tpm.pcr11)
        }

        # Without a unified kernel image: the firmware, the kernel, and the command line and initrd that it was given.
        executables := 3 if {
        \tknown("tpm_pcr0", input.tpm.pcr00)
        \tknown("tpm_pcr4", input.tpm.pcr04)
        \tknown("tpm_pcr9", input.tpm.pcr09)
        }

        hardware := 32 if known("trusted_aks", input.tpm.ak_public)

        configuration := 3 if known("tpm_pcr7", input.tpm.pcr07)

        """

    private static let arm = """
        executables := 3 if known("cca_realm_initial_measurement", input.cca.realm.cca_realm_initial_measurement)

        hardware := 2 if known("cca_platform_implementation_id", input.cca.platform.cca_platform_implementation_id)

        configuration := 2 if known("cca_platform_config", input.cca.platform.cca_platform_config)

        runtime_opaque := 2 if input.cca.platform
        """
}
