import Evidence
import Verifier

/// The conditions that a guest meets before it gets anything: a token, a resource or a certificate.
enum GuestStanding {
    /// The check that refuses guests that nobody registered.
    static let unregistered = "manifest-unregistered"

    /// Why a guest gets nothing; nil when it is in good standing.
    static func refusal(
        _ guest: AttestedGuest, registration: Registration?, reference: ReferenceValue?, now: Int64
    ) -> PolicyDecision? {
        guard let registration else {
            return .deny(unregistered, "the manifest digest is not registered")
        }
        if let (check, reason) = registration.refusal(now: now) { return .deny(check, reason) }
        guard !(reference?.debug ?? false) || guest.debug else {
            return .deny("debug-guest", "a released debug guest runs, and the manifest did not ask for one")
        }
        if let denial = unknownGuest(guest, registration: registration, reference: reference) { return denial }
        guard registration.allowsSimulated || !guest.simulated else {
            return .deny(
                "simulated", "the guest's processor is simulated and the manifest is registered for hardware only")
        }
        guard registration.allowsSimulated || guest.isIsolated else {
            return .deny(
                "simulated",
                "a TPM alone leaves memory open to the host, and the manifest is registered for hardware only")
        }
        if case .only(let allowed) = registration.measurements, !allowed.contains(guest.measurement) {
            return .deny("manifest-measurement", "the manifest is registered for other measurements")
        }
        return nil
    }

    /// Why a guest that nobody registered gets nothing, whatever a policy says; nil when a policy may decide.
    ///
    /// Whom its host can look into is served where a registration says so (R6), and there is none.
    static func refusal(unregistered guest: AttestedGuest) -> PolicyDecision? {
        guard guest.simulated || !guest.isIsolated || guest.debug else { return nil }
        return .deny("simulated", "a guest that is simulated, for debugging or not isolated needs a registration")
    }

    /// The technologies whose launch measurement, which releases name, covers all that boots. TDX's covers firmware alone.
    private static let released: Set<Technology> = [.snp, .softSNP]

    /// Why what runs is nothing that the tenant or a publisher knows; nil when one of them does.
    ///
    /// Releases name measurements of some technologies only. A guest of another one counts as known when the attestation
    /// policy knows it, which its token says, and the registration itself names its measurement.
    private static func unknownGuest(
        _ guest: AttestedGuest, registration: Registration, reference: ReferenceValue?
    ) -> PolicyDecision? {
        guard Technology(rawValue: guest.technology).map(released.contains) ?? false else {
            guard case .only(let allowed) = registration.measurements, !guest.measurement.isEmpty,
                allowed.contains(guest.measurement)
            else {
                return .deny(
                    "manifest-measurement", "guests of this technology need their measurement in the registration")
            }
            return nil
        }
        guard let reference else {
            return .deny("reference-value", "the measurement is no signed reference value of this technology")
        }
        guard reference.version == registration.guestVersion else {
            let wanted = registration.guestVersion.isEmpty ? "no version" : "guest \(registration.guestVersion)"
            return .deny(
                "guest-version",
                "the measurement is of guest \(reference.version), the manifest is registered for \(wanted)")
        }
        return nil
    }
}
