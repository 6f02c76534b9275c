import Verifier
import WireFormat

/// Obtains endorsements from a cache and from sources in order; those who want the same at the same time share one fetch.
public actor EndorsementFetcher: EndorsementSource {
    /// Whether sources are asked.
    public enum Mode: Sendable {
        /// The cache first, then the sources.
        case online
        /// The cache and folders only.
        case offline
    }

    private struct Request: Hashable {
        let item: EndorsementItem
        let now: Int64
        /// Whose word counts: what one checker believes another need not.
        let checker: [UInt8]
    }

    private let cache: EndorsementCache?
    private let folders: [OfflineStore]
    private let services: [WebSource]
    private let mode: Mode
    private let refreshAge: Int64
    private var running: [Request: Task<Result<CheckedEndorsement, EndorsementFailure>, Never>] = [:]

    /// Creates a fetcher.
    ///
    /// - Parameters:
    ///   - cache: Where what was fetched is kept; nil keeps nothing.
    ///   - folders: Folders that are looked into before services are asked.
    ///   - services: The services.
    ///   - mode: Whether services are asked.
    ///   - refreshAge: After how many seconds a cached entry that the vendor revises is fetched anew though it is valid. When
    ///     that fails, the valid one serves.
    public init(
        cache: EndorsementCache?, folders: [OfflineStore] = [], services: [WebSource], mode: Mode,
        refreshAge: Int64 = 86_400
    ) {
        self.cache = cache
        self.folders = folders
        self.services = services
        self.mode = mode
        self.refreshAge = refreshAge
    }

    /// Obtains an item that is valid at `now`.
    public func obtain(
        _ item: EndorsementItem, at now: Int64, checker: EndorsementChecker
    ) async throws(EndorsementFailure) -> CheckedEndorsement {
        let request = Request(item: item, now: now, checker: checker.identity)
        let task: Task<Result<CheckedEndorsement, EndorsementFailure>, Never>
        if let known = running[request] {
            task = known
        } else {
            task = Task { await self.fetch(item, now, checker) }
            running[request] = task
        }
        let result = await task.value
        running[request] = nil
        return try result.get()
    }

    /// What a source gave, or what was kept if the vendor made that later: a mirror may hold on to what suits it.
    static func latest(_ found: CheckedEndorsement, _ known: CheckedEndorsement?) -> CheckedEndorsement {
        guard let known, known.item == found.item, known.from > found.from else { return found }
        return known
    }

    private func fetch(
        _ item: EndorsementItem, _ now: Int64, _ checker: EndorsementChecker
    ) async -> Result<CheckedEndorsement, EndorsementFailure> {
        var attempts: [EndorsementFailure.Attempt] = []
        var known: CheckedEndorsement?
        if let cache {
            do {
                if let entry = try cache.entry(for: item, at: now, checker: checker) {
                    let age = now.subtractingReportingOverflow(entry.fetched)
                    let isFresh = !age.overflow && (0..<refreshAge).contains(age.partialValue)
                    if mode == .offline || !item.isRevised || isFresh { return .success(entry.endorsement) }
                    known = entry.endorsement
                } else {
                    attempts.append(.init(place: cache.path(of: item), reason: "is not there", isAbsence: true))
                }
            } catch {
                attempts.append(.init(place: cache.path(of: item), reason: "is refused: \(error)"))
            }
        }
        var sources: [any EndorsementSource] = folders
        if mode == .online { sources += services as [any EndorsementSource] }
        for source in sources {
            do {
                let found = Self.latest(try await source.obtain(item, at: now, checker: checker), known)
                // What cannot be kept is fetched again the next time; what was found serves nevertheless.
                try? cache?.store(found, fetched: now)
                return .success(found)
            } catch {
                attempts += error.attempts
            }
        }
        // That nothing was kept explains nothing where somebody else was asked.
        let telling = attempts.filter { attempt in attempt.place != cache?.path(of: item) || !attempt.isAbsence }
        return known.map { .success($0) }
            ?? .failure(EndorsementFailure(item, telling.isEmpty ? attempts : telling))
    }
}
