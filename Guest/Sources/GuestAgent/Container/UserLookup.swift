import CGuest
import Glibc

/// Turns `user[:group]` of a manifest or image into numbers, with the image's own /etc/passwd and /etc/group.
///
/// 2^32-1 is no number of anybody: to the kernel's calls it means "leave as it is", which here is root.
enum UserLookup {
    /// A user that the image does not know.
    struct Unknown: Error, CustomStringConvertible {
        let text: String
        var description: String { "the image knows no user or group \"\(text)\"" }
    }

    static func resolve(_ text: String, root: OpenFile) throws(Unknown) -> ContainerUser {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let name = parts.first ?? ""
        let passwd = table("etc/passwd", root)
        let groups = table("etc/group", root)
        var user = ContainerUser(uid: 0, gid: 0)
        var login = "root"
        if let row = passwd.first(where: { $0.count >= 6 && ($0[0] == name || (name.isEmpty && $0[2] == "0")) })
            ?? passwd.first(where: { $0.count >= 6 && $0[2] == name })
        {
            guard let uid = number(row[2]), let gid = number(row[3]) else { throw Unknown(text: text) }
            user = ContainerUser(uid: uid, gid: gid, home: row[5].isEmpty ? "/" : row[5])
            login = row[0]
        } else if let uid = number(name) {
            user = ContainerUser(uid: uid, gid: 0)
            login = ""
        } else if !name.isEmpty {
            throw Unknown(text: name)
        }
        if parts.count == 2, !parts[1].isEmpty {
            let row = groups.first { $0.count >= 3 && $0[0] == parts[1] }
            guard let gid = number(row?[2] ?? parts[1]) else { throw Unknown(text: parts[1]) }
            user.gid = gid
        } else if !login.isEmpty {
            for row in groups where row.count >= 4 && row[3].split(separator: ",").contains(Substring(login)) {
                guard let gid = number(row[2]) else { throw Unknown(text: row[0]) }
                if gid != user.gid { user.groups.append(gid) }
            }
        }
        return user
    }

    /// A user's or group's number; nothing for other text.
    private static func number(_ text: String) -> UInt32? {
        UInt32(text).flatMap { $0 == UInt32.max ? nil : $0 }
    }

    private static func table(_ path: String, _ root: OpenFile) -> [[String]] {
        let number = cg_open_in_root(root.number, path, O_RDONLY | O_NONBLOCK, 0)
        guard number >= 0 else { return [] }
        let file = OpenFile(owning: number)
        guard let bytes = try? file.readAll(limit: 1 << 20) else { return [] }
        return bytes.split(separator: 10).map { line in
            line.split(separator: 58, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
        }
    }
}
