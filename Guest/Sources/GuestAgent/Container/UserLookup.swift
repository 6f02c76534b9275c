import CGuest
import Glibc

/// Turns `user[:group]` of a manifest or image into numbers, with the image's own /etc/passwd and /etc/group.
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
            ?? passwd.first(where: { $0.count >= 6 && $0[2] == name }),
            let uid = UInt32(row[2]), let gid = UInt32(row[3])
        {
            user = ContainerUser(uid: uid, gid: gid, home: row[5].isEmpty ? "/" : row[5])
            login = row[0]
        } else if let uid = UInt32(name), uid != UInt32.max {
            user = ContainerUser(uid: uid, gid: 0)
            login = ""
        } else if !name.isEmpty {
            throw Unknown(text: name)
        }
        if parts.count == 2, !parts[1].isEmpty {
            if let row = groups.first(where: { $0.count >= 3 && $0[0] == parts[1] }), let gid = UInt32(row[2]) {
                user.gid = gid
            } else if let gid = UInt32(parts[1]), gid != UInt32.max {
                user.gid = gid
            } else {
                throw Unknown(text: parts[1])
            }
        } else if !login.isEmpty {
            for row in groups where row.count >= 4 && row[3].split(separator: ",").contains(Substring(login)) {
                if let gid = UInt32(row[2]), gid != user.gid { user.groups.append(gid) }
            }
        }
        return user
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
