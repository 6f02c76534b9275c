import Evidence
import WireFormat

/// What Intel's published data says of the platform that made a quote.
public struct TCBVerdict: Equatable, Sendable {
    /// The status of the whole.
    public let status: TCBStatus
    /// The status of the platform's level alone.
    public let platformStatus: TCBStatus
    /// The status of the TDX module's level; nil for enclaves and for modules that are not listed by version.
    public let moduleStatus: TCBStatus?
    /// The status of the quoting enclave's level.
    public let qeStatus: TCBStatus
    /// Since when the platform's level is what it is, in seconds since 1970; nil when it reaches none.
    public let tcbDate: Int64?
    /// Intel's advisories about the platform's level.
    public let advisories: [String]
    /// The lower of the evaluation numbers of the two documents.
    public let evaluationNumber: Int
    /// Whether the TDX module that runs now is one that Intel lists, as far as that was looked at.
    let isRunningModuleListed: Bool

    /// ``tcbDate`` as `YYYY-MM-DDThh:mm:ssZ`.
    public var tcbDateText: String? { tcbDate.map { CalendarTime(seconds: $0).text } }

    /// Evaluates a platform by Intel's rules.
    init(
        of body: Quote.Body, qeReport: SGXReportBody, platform: EndorsedPlatform, info: TCBInfo,
        identity: EnclaveIdentity
    ) {
        let reached = info.levels.filter {
            Self.reaches(platform.components, $0.components) && platform.pceSVN >= $0.pceSVN
        }
        qeStatus = identity.levels.status(of: qeReport.isvSVN)
        evaluationNumber = min(info.evaluationNumber, identity.evaluationNumber)
        let level: TCBInfo.Level?
        var total: TCBStatus
        var isListed = true
        switch body {
        case .enclave:
            level = reached.first
            moduleStatus = nil
            total = level?.status ?? .notSupported
        case .domain(let report):
            let versions = report.tcbSVN
            // From module version 1 on, the module's own levels stand for the first two components.
            let skipped = versions[1] == 0 ? 0 : 2
            level = reached.first { Self.reaches(versions, $0.tdxComponents, from: skipped) }
            moduleStatus =
                versions[1] == 0
                ? nil
                : info.moduleIdentity(major: versions[1])?.levels.status(of: UInt16(versions[0])) ?? .notSupported
            total = level?.status ?? .notSupported
            if let moduleStatus, total.isAcceptable { total = total.converged(with: moduleStatus) }
            if moduleStatus == .outOfDate, qeStatus == .upToDate, let sgxStatus = reached.first?.status {
                let advised = Self.relaunch(report, info, sgx: sgxStatus, tdx: total)
                isListed = advised != nil
                total = advised ?? total
            }
        }
        status = total.isAcceptable ? total.converged(with: qeStatus) : total
        platformStatus = level?.status ?? .notSupported
        tcbDate = level?.date
        advisories = level?.advisories ?? []
        isRunningModuleListed = isListed
    }

    private static func reaches(_ versions: [UInt8], _ level: [UInt8], from start: Int = 0) -> Bool {
        zip(versions, level).dropFirst(start).allSatisfy { $0 >= $1 }
    }

    /// Whether a trust domain with an old TDX module would have a current one if it were launched again now; nil when the
    /// module that runs now is not listed.
    private static func relaunch(
        _ report: TDReport, _ info: TCBInfo, sgx: TCBStatus, tdx: TCBStatus
    ) -> TCBStatus? {
        let isSound: Set<TCBStatus> = [
            .upToDate, .swHardeningNeeded, .configurationNeeded, .configurationAndSWHardeningNeeded,
        ]
        guard let now = report.tcbSVN2, isSound.contains(sgx),
            tdx == .outOfDate || tdx == .outOfDateConfigurationNeeded, let newest = info.levels.first
        else { return tdx }
        var needed = UInt16(newest.tdxComponents[0])
        if now[1] != 0 {
            guard let identity = info.moduleIdentity(major: now[1]) else { return nil }
            guard let first = identity.levels.first else { return .notSupported }
            needed = first.svn
        }
        guard UInt16(now[0]) >= needed, now[2] >= newest.tdxComponents[2] else { return tdx }
        return sgx.needsConfiguration || tdx.needsConfiguration
            ? .relaunchAdvisedConfigurationNeeded : .relaunchAdvised
    }
}
