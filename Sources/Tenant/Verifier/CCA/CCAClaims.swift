import Evidence
import WireFormat

/// The claims of a CCA token under the names that the key broker protocol's policies know (class `cca`); bytes are in base64.
enum CCAClaims {
    static func claims(of verified: VerifiedCCAToken) -> [String: JSONValue] {
        let realm = verified.realm
        let platform = verified.platform
        var platformClaims: [String: JSONValue] = [
            "cca_platform_profile": .string(platform.profile),
            "cca_platform_implementation_id": base64(platform.implementationID),
            "cca_platform_instance_id": base64(platform.instanceID),
            "cca_platform_challenge": base64(platform.challenge),
            "cca_platform_config": base64(platform.configuration),
            "cca_platform_lifecycle": .integer(Int64(platform.lifecycle)),
            "cca_platform_hash_algo_id": .string(platform.hashAlgorithm),
            "cca_platform_sw_components": .array(platform.components.map(component)),
        ]
        if let service = platform.verificationService {
            platformClaims["cca_platform_service_indicator"] = .string(service)
        }
        return [
            "realm": [
                "cca_realm_challenge": base64(realm.challenge),
                "cca_realm_personalization_value": base64(realm.personalizationValue),
                "cca_realm_initial_measurement": base64(realm.initialMeasurement),
                "cca_realm_extensible_measurements": .array(realm.extensibleMeasurements.map(base64)),
                "cca_realm_hash_algo_id": .string(realm.hashAlgorithm),
                "cca_realm_public_key": base64(realm.publicKey),
                "cca_realm_public_key_hash_algo_id": .string(realm.publicKeyHashAlgorithm),
            ],
            "platform": .object(platformClaims), "report_data": base64(realm.challenge),
            "init_data": base64(realm.personalizationValue),
        ]
    }

    private static func component(_ component: CCAPlatformClaims.Component) -> JSONValue {
        var members: [String: JSONValue] = [
            "measurement_value": base64(component.measurement), "signer_id": base64(component.signer),
        ]
        if let type = component.type { members["measurement_type"] = .string(type) }
        if let version = component.version { members["version"] = .string(version) }
        return .object(members)
    }

    private static func base64(_ bytes: [UInt8]) -> JSONValue { .string(Base64.encode(bytes)) }
}
