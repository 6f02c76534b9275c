/// The steps of a start that the guest reports, in order. A closed list: the host learns nothing else (R21).
public enum Phase: String, CaseIterable, Sendable {
    /// The agent runs.
    case agent
    /// The broker has accepted the evidence (cVM only).
    case attest
    /// The keys have arrived (cVM only).
    case key
    /// The image is verified, opened and unpacked.
    case image
    /// The container has been started.
    case container
    /// The application accepts requests.
    case app
}

/// Why a pod is not ready: the closed list that the host may learn (R21).
public enum FailureKind: String, CaseIterable, Sendable, Error {
    /// Registry or key broker did not answer.
    case unreachable = "Unreachable"
    /// The key broker did not release what the pod needs.
    case keyReleaseDenied = "KeyReleaseDenied"
    /// The image failed a check.
    case imageRefused = "ImageRefused"
    /// The guest itself failed.
    case guestFailed = "GuestFailed"
    /// The application ended.
    case exited = "Exited"
}
