import RootKeys

/// The class of the failure that `body` ends with; nil when it does not fail.
func code(_ body: () async throws -> Any) async -> RootKeyFailure.Code? { await failed(body)?.code }

/// The failure that `body` ends with; nil when it does not fail.
func failed(_ body: () async throws -> Any) async -> RootKeyFailure? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? RootKeyFailure
    }
}
