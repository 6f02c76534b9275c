import Verifier

/// The conditions that a guest meets before it gets anything: a token, a resource or a certificate.
enum GuestStanding {
    /// Why a guest gets nothing; nil when it is in good standing.
    static func refusal(
        _ guest: AttestedGuest, registration: Registration?, reference: ReferenceValue?, now: Int64
    ) -> PolicyDecision? {
        guard let registration else {
            return .deny("manifest-unregistered", "the manifest digest is not registered")
        }
        if let (check, reason) = registration.refusal(now: now) { return .deny(check, reason) }
        guard let reference else {
            return .deny("reference-value", "the measurement is no signed reference value of this technology")
        }
        guard reference.version == registration.guestVersion else {
            let wanted = registration.guestVersion.isEmpty ? "no version" : "guest \(registration.guestVersion)"
            return .deny(
                "guest-version",
                "the measurement is of guest \(reference.version), the manifest is registered for \(wanted)")
        }
        guard registration.allowsSimulated || !guest.simulated else {
            return .deny(
                "simulated", "the guest's processor is simulated and the manifest is registered for hardware only")
        }
        if case .only(let allowed) = registration.measurements, !allowed.contains(guest.measurement) {
            return .deny("manifest-measurement", "the manifest is registered for other measurements")
        }
        return nil
    }
}
