import Rego
import Testing
import WireFormat

@testable import Verifier

@Suite("Attestation policies")
struct AttestationPolicyTests {
    private static let references = FixedReferenceValues([
        "snp_launch_measurement": ["aa", "bb"], "snp_bootloader": [10], "snp_microcode": [84], "snp_snp_svn": [23],
        "snp_tee_svn": 0, "snp_smt_enabled": true, "snp_tsme_enabled": [false], "snp_guest_abi_major": [0],
        "snp_guest_abi_minor": [31], "snp_single_socket": [false], "snp_smt_allowed": [true],
        "mr_td": ["cc"], "rtmr_1": ["dd"], "rtmr_2": ["ee"], "xfam": ["ff"], "tpm_pcr11": ["11"],
    ])

    private static func policy(_ source: String) throws -> AttestationPolicy {
        try AttestationPolicy(identifier: "default", source: source, references: references)
    }

    private static func snp(_ more: [String: JSONValue] = [:]) -> JSONValue {
        .object(
            [
                "measurement": "aa", "reported_tcb_bootloader": 10, "reported_tcb_microcode": 84,
                "reported_tcb_snp": 23,
                "reported_tcb_tee": 0, "platform_smt_enabled": true, "platform_tsme_enabled": false,
                "policy_abi_major": 0, "policy_abi_minor": 31, "policy_single_socket": false,
                "policy_smt_allowed": true,
                "policy_debug_allowed": false, "policy_migrate_ma": false,
            ].merging(more) { $1 })
    }

    private static func vector(_ claims: [TrustVector.Subject: Int8]) -> TrustVector { TrustVector(claims) }

    @Test(arguments: [
        (snp(), 3, 2, 2), (snp(["measurement": "cc"]), 33, 2, 2), (snp(["reported_tcb_snp": 22]), 3, 97, 2),
        (snp(["policy_abi_minor": 30]), 3, 2, 3), (snp(["policy_debug_allowed": true]), 33, 2, 36),
        (snp(["policy_migrate_ma": true]), 3, 2, 36), (.object([:]), 33, 97, 36),
    ])
    func `the default policy on SEV-SNP`(claims: JSONValue, executables: Int8, hardware: Int8, configuration: Int8)
        throws
    {
        let verdict = try Self.policy(DefaultPolicy.source).judge(.object(["snp": claims]))
        #expect(verdict.trustVector.claims[.executables] == executables)
        #expect(verdict.trustVector.claims[.hardware] == hardware)
        #expect(verdict.trustVector.claims[.configuration] == configuration)
        #expect(verdict.trustVector.claims[.runtimeOpaque] == (configuration == 36 ? nil : 2))
    }

    @Test func `the default policy never affirms a stand-in`() throws {
        let verdict = try Self.policy(DefaultPolicy.source).judge(.object(["soft-snp": Self.snp()]))
        #expect(verdict.trustVector.claims[.hardware] == 32)
        #expect(verdict.trustVector.status == .warning)
    }

    @Test(arguments: [
        ("UpToDate", [:], 2, 2), ("OutOfDate", [:], 97, 2), ("UpToDate", ["debug": true], 2, 36),
        ("UpToDate", ["migratable": true], 2, 36), ("UpToDate", ["septve_disable": false], 2, 3),
        ("UpToDate", ["service": true], 2, 36),
    ])
    func `the default policy on TDX`(
        status: String, changes: [String: Bool], hardware: Int8, configuration: Int8
    ) throws {
        let zeros = String(repeating: "0", count: 96)
        let service = changes["service"] == true ? String(zeros.dropLast()) + "1" : zeros
        let claims: JSONValue = [
            "quote": [
                "header": ["tee_type": "81000000", "vendor_id": "939a7233f79c4ca9940a0db3957f0607"],
                "body": [
                    "mr_td": "cc", "rtmr_1": "dd", "rtmr_2": "ee", "xfam": "ff", "mr_servicetd": .string(service),
                ],
            ], "tcb_status": .string(status), "collateral_expiration_status": "0",
            "td_attributes": [
                "debug": .bool(changes["debug"] ?? false), "migratable": .bool(changes["migratable"] ?? false),
                "septve_disable": .bool(changes["septve_disable"] ?? true),
            ],
        ]
        let verdict = try Self.policy(DefaultPolicy.source).judge(["tdx": claims])
        #expect(verdict.trustVector.claims[.executables] == (changes["debug"] == true ? 33 : 4))
        #expect(verdict.trustVector.claims[.hardware] == hardware)
        #expect(verdict.trustVector.claims[.configuration] == configuration)
        #expect(verdict.trustVector.claims[.runtimeOpaque] == (configuration == 36 ? nil : 2))
    }

    @Test(arguments: [false, true])
    func `what runs in a debug guest is affirmed for no technology`(debug: Bool) throws {
        let text = JSONValue.string(debug ? "true" : "false")
        let known = FixedReferenceValues([
            "snp_launch_measurement": ["aa"], "sgx_mr_enclave": ["aa"], "sgx_isv_svn": ["aa"], "measurement": ["aa"],
            "snp_pcr4": ["aa"], "snp_pcr11": ["aa"], "az_mr_td": ["aa"], "tdx_pcr4": ["aa"], "tdx_pcr11": ["aa"],
        ])
        let policy = try AttestationPolicy(identifier: "default", source: DefaultPolicy.source, references: known)
        let inputs: [JSONValue] = [
            ["soft-snp": ["measurement": "aa", "policy_debug_allowed": .bool(debug)]],
            ["sgx": ["debug": .bool(debug), "body": ["mr_enclave": "aa", "isv_svn": "aa"]]],
            [
                "az-snp-vtpm": [
                    "policy_debug_allowed": text, "measurement": "aa", "tpm": ["pcr04": "aa", "pcr11": "aa"],
                ]
            ],
            [
                "az-tdx-vtpm": [
                    "td_attributes": ["debug": .bool(debug)], "quote": ["body": ["mr_td": "aa"]],
                    "tpm": ["pcr04": "aa", "pcr11": "aa"],
                ]
            ],
        ]
        for input in inputs {
            #expect(try policy.judge(input).trustVector.claims[.executables] == (debug ? 33 : 3), "\(input)")
        }
    }

    @Test func `what a TPM says booted is affirmed by boot loader and kernel together`() throws {
        let known = FixedReferenceValues(["tpm_pcr4": ["aa"], "tpm_pcr11": ["bb"]])
        let policy = try AttestationPolicy(identifier: "default", source: DefaultPolicy.source, references: known)
        for (loader, kernel, verdict) in [("aa", "bb", Int8(3)), ("00", "bb", 33), ("aa", "00", 33)] {
            let input: JSONValue = ["tpm": ["pcr04": .string(loader), "pcr11": .string(kernel)]]
            #expect(try policy.judge(input).trustVector.claims[.executables] == verdict)
        }
    }

    @Test func `what a firmware starts by itself is affirmed with what it was given, and with the firmware`() throws {
        let known = FixedReferenceValues(["tpm_pcr0": ["aa"], "tpm_pcr4": ["bb"], "tpm_pcr9": ["cc"]])
        let policy = try AttestationPolicy(identifier: "default", source: DefaultPolicy.source, references: known)
        for (firmware, kernel, given, verdict) in [
            ("aa", "bb", "cc", Int8(3)), ("00", "bb", "cc", 33), ("aa", "00", "cc", 33), ("aa", "bb", "00", 33),
        ] {
            let input: JSONValue = [
                "tpm": [
                    "pcr00": .string(firmware), "pcr04": .string(kernel), "pcr09": .string(given), "pcr11": "00",
                ]
            ]
            #expect(try policy.judge(input).trustVector.claims[.executables] == verdict)
        }
    }

    @Test func `a domain on Azure that a service domain is bound to is not closed`() throws {
        for (service, configuration, runtime) in [("0", Int8(3), Int8?(2)), ("1", 36, nil)] {
            let register = String(repeating: "0", count: 95) + service
            let verdict = try Self.policy(DefaultPolicy.source).judge([
                "az-tdx-vtpm": [
                    "td_attributes": ["debug": false, "migratable": false],
                    "quote": ["body": ["mr_servicetd": .string(register)]],
                ]
            ])
            #expect(verdict.trustVector.claims[.configuration] == configuration)
            #expect(verdict.trustVector.claims[.runtimeOpaque] == runtime)
        }
    }

    @Test func `numbers of 64 bits stay exact on their way into a policy`() throws {
        let source = """
            package policy

            import rego.v1

            trust_claims := {"hardware": 2} if input.snp.big == 9007199254740993
            """
        #expect(try Self.policy(source).judge(["snp": ["big": 9_007_199_254_740_993]]).trustVector.status == .affirming)
        #expect(try Self.policy(source).judge(["snp": ["big": 9_007_199_254_740_992]]).trustVector.status == .none)
    }

    @Test func `a claim that is null is not known by a name without a value`() throws {
        let nothing = try AttestationPolicy(
            identifier: "default", source: DefaultPolicy.source, references: FixedReferenceValues([:]))
        let claims = Dictionary(uniqueKeysWithValues: (Self.snp().objectValue ?? [:]).keys.map { ($0, JSONValue.null) })
        let vector = try nothing.judge(["snp": .object(claims)]).trustVector
        #expect(vector.claims[.executables] == 33 && vector.claims[.hardware] == 97)
    }

    @Test func `evidence of an unknown technology is contraindicated`() throws {
        let verdict = try Self.policy(DefaultPolicy.source).judge(["sample": ["svn": "1"]])
        #expect(verdict.trustVector.status == .contraindicated)
    }

    @Test(arguments: [
        ("trust_claims := {\"hardwear\": 2}", "hardwear"), ("trust_claims := {\"hardware\": 128}", "-127 to 127"),
        ("trust_claims := {\"hardware\": 256}", "-127 to 127"), ("trust_claims := {\"hardware\": 2.5}", "-127 to 127"),
        ("trust_claims := {\"hardware\": \"2\"}", "-127 to 127"), ("trust_claims := {}", "at least one"),
        ("trust_claims := [2]", "must be an object"), ("trust_claims := 1\ntrust_claims := 2", "eval_conflict_error"),
        ("trust_claims := {\"hardware\": 2}\nextensions := [{\"name\": \"x\"}]", "extensions[0].key"),
        ("trust_claims := {\"hardware\": count(numbers.range(1, 100000000))}", "limit"),
    ])
    func `a policy's mistakes refuse, by name`(rules: String, reason: String) throws {
        let policy = try Self.policy("package policy\n\nimport rego.v1\n\n\(rules)\n")
        let refusal = #expect(throws: WireError.self) { try policy.judge(["snp": ["a": 1]]) }
        #expect(refusal?.description.contains(reason) == true, "\(String(describing: refusal))")
    }

    @Test func `an undefined rule claims nothing, and extensions are kept`() throws {
        let silent = try Self.policy("package policy\n\nimport rego.v1\n\ntrust_claims := {\"hardware\": 2} if false\n")
        #expect(try silent.judge(["snp": [:]]).trustVector.status == .none)
        let source = """
            package policy

            import rego.v1

            trust_claims := {"hardware": 2}

            extensions := [{"name": "ear.trustee.identifiers", "key": -18, "value": {"validated": input.snp.a}}]
            """
        let verdict = try Self.policy(source).judge(["snp": ["a": ["x"]]])
        #expect(
            verdict.extensions == [
                PolicyExtension(name: "ear.trustee.identifiers", key: -18, value: ["validated": ["x"]])
            ])
    }

    @Test func `a denial is explained by the rule that failed`() throws {
        let text = try Self.policy(DefaultPolicy.source).explain(["snp": Self.snp(["measurement": "cc"])])
        #expect(text.contains("snp_launch_measurement"))
        #expect(text.contains("\"cc\" is not in [\"aa\", \"bb\"]"))
    }

    @Test func `a policy that cannot be compiled is refused with its line`() {
        let errors = #expect(throws: RegoErrors.self) {
            try Self.policy("package policy\n\nimport rego.v1\n\ntrust_claims := http.send({})\n")
        }
        #expect(errors?.errors.first?.location?.row == 5)
    }
}
