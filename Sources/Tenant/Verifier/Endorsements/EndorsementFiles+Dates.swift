import WireFormat

extension EndorsementFiles {
    /// Something that vendors revise and that is not to be used any more.
    public struct Expired: Equatable, Sendable {
        /// What it is, in words.
        public let name: String
        /// Until when it held, in seconds since 1970.
        public let until: Int64
    }

    /// These files without what expired before a time and can be had anew: lists of revoked certificates and Intel's documents.
    /// Nothing here is checked but dates; what cannot be read stays, for the verifier to refuse.
    public func current(at now: Int64) -> (files: EndorsementFiles, expired: [Expired]) {
        var files = self
        var expired: [Expired] = []
        func isOver(_ name: String, _ until: Int64?) -> Bool {
            guard let until, until < now else { return false }
            expired.append(Expired(name: name, until: until))
            return true
        }
        files.keepAMDRevocationLists {
            !isOver("AMD's list of revoked certificates", (try? RevocationList(der: $0))?.nextUpdate)
        }
        files.keepIntel { part in
            switch part {
            case .tcbInfo(let content): !isOver("Intel's TCB info", (try? TCBInfo(parsing: content))?.nextUpdate)
            case .enclaveIdentity(let content):
                !isOver("Intel's QE identity", (try? EnclaveIdentity(parsing: content))?.nextUpdate)
            case .platformRevocationList(let der):
                !isOver("the list of revoked PCK certificates", (try? P256RevocationList(der: der, "list"))?.nextUpdate)
            case .rootRevocationList(let der):
                !isOver(
                    "the list of revoked certificates of Intel's root",
                    (try? P256RevocationList(der: der, "list"))?.nextUpdate)
            }
        }
        return (files, expired)
    }

    /// A part of Intel's data as files have it.
    enum IntelPart {
        case tcbInfo([UInt8])
        case enclaveIdentity([UInt8])
        case platformRevocationList([UInt8])
        case rootRevocationList([UInt8])
    }
}
