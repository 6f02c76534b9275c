import Foundation
import RootKeys
import TestSupport

/// A PKCS #11 module that misbehaves on demand, compiled for the test. It "encrypts" by copying.
///
/// Files in its folder say how: `hang`, `lose` (sessions; once), `final` (one try is left), `other` (another key), `broken`, `gone`;
/// it writes one byte to `logins` for each login.
struct FakeToken {
    static let isPossible = areInstalled("cc")

    let folder: ScratchFolder
    let settings: PKCS11Settings

    init() throws {
        folder = try ScratchFolder()
        let source = try folder.write("fake.c", Array(Self.source(folder.path).utf8))
        let declarations = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Sources/Tenant/CPKCS11").path
        try run(
            "cc", ["-shared", "-fPIC", "-I", declarations, "-o", "\(folder.path)/fake.so", source])
        let pin = try folder.write("pin", Array("right".utf8))
        chmod(pin, 0o600)
        settings = PKCS11Settings(
            module: "\(folder.path)/fake.so", token: "fake", pinFile: pin, key: "root", timeoutSeconds: 2)
    }

    func set(_ name: String) throws { _ = try folder.write(name, []) }
    func clear(_ name: String) { unlink("\(folder.path)/\(name)") }

    var logins: Int {
        (try? FileManager.default.attributesOfItem(atPath: "\(folder.path)/logins")[.size] as? Int) ?? 0
    }

    private static func source(_ folder: String) -> String {
        """
        #include "cryptoki.h"
        #include <fcntl.h>
        #include <string.h>
        #include <unistd.h>
        #define FILE_(name) "\(folder)/" name
        static CK_SESSION_HANDLE last = 0;
        static int has(const char *path) { return access(path, F_OK) == 0; }
        static CK_RV initialize(void *a) { return 0; }
        static CK_RV slots(CK_BBOOL p, CK_SLOT_ID *s, CK_ULONG *n) { if (s) s[0] = 5; *n = !has(FILE_("gone")); return 0; }
        static CK_RV token(CK_SLOT_ID s, CK_TOKEN_INFO *t) {
            memset(t, ' ', 96); memcpy(t->label, "fake", 4);
            t->flags = 0x400 | (has(FILE_("final")) ? 0x20000 : 0); return 0; }
        static CK_RV open_session(CK_SLOT_ID s, CK_FLAGS f, void *a, void *b, CK_SESSION_HANDLE *h) { *h = ++last; return 0; }
        static CK_RV close_session(CK_SESSION_HANDLE h) { return 0; }
        static CK_RV login(CK_SESSION_HANDLE h, CK_ULONG u, CK_BYTE *pin, CK_ULONG n) {
            int f = open(FILE_("logins"), O_WRONLY | O_CREAT | O_APPEND, 0600); write(f, "x", 1); close(f);
            return n == 5 && memcmp(pin, "right", 5) == 0 ? 0 : 0xA0; }
        static CK_RV attributes(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *a, CK_ULONG n) {
            for (CK_ULONG i = 0; i < n; i++) {
                if (a[i].type == CKA_KEY_TYPE) *(CK_ULONG *)a[i].value = CKK_AES;
                else if (a[i].type == CKA_VALUE_LEN) *(CK_ULONG *)a[i].value = 32;
                else if (a[i].type == CKA_ID) { memset(a[i].value, has(FILE_("other")) ? 2 : 1, 8); a[i].length = 8; }
                else *(CK_BBOOL *)a[i].value = a[i].type != CKA_EXTRACTABLE;
            }
            return 0; }
        static CK_RV find_init(CK_SESSION_HANDLE h, CK_ATTRIBUTE *a, CK_ULONG n) { return 0; }
        static CK_RV find(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE *o, CK_ULONG m, CK_ULONG *n) { *o = 9; *n = 1; return 0; }
        static CK_RV find_final(CK_SESSION_HANDLE h) { return 0; }
        static CK_RV begin(CK_SESSION_HANDLE h, CK_MECHANISM *m, CK_OBJECT_HANDLE o) {
            while (has(FILE_("hang"))) usleep(20000);
            if (has(FILE_("broken"))) return 0x30;
            if (has(FILE_("gone"))) return 0x32;
            if (has(FILE_("lose"))) { unlink(FILE_("lose")); return 0xB3; }
            return h == last && o == 9 ? 0 : 0xB3; }
        static CK_RV encrypt(CK_SESSION_HANDLE h, CK_BYTE *i, CK_ULONG n, CK_BYTE *o, CK_ULONG *m) {
            memcpy(o, i, n); memset(o + n, 0, 16); *m = n + 16; return 0; }
        static CK_RV decrypt(CK_SESSION_HANDLE h, CK_BYTE *i, CK_ULONG n, CK_BYTE *o, CK_ULONG *m) {
            memcpy(o, i, n - 16); *m = n - 16; return 0; }
        static CK_FUNCTION_LIST list = {
            {2, 40}, .C_Initialize = initialize, .C_GetSlotList = slots, .C_GetTokenInfo = token,
            .C_OpenSession = open_session, .C_CloseSession = close_session, .C_Login = login,
            .C_GetAttributeValue = attributes, .C_FindObjectsInit = find_init, .C_FindObjects = find,
            .C_FindObjectsFinal = find_final, .C_EncryptInit = begin, .C_DecryptInit = begin, .C_Encrypt = encrypt,
            .C_Decrypt = decrypt };
        CK_RV C_GetFunctionList(CK_FUNCTION_LIST **l) { *l = &list; return 0; }
        """
    }
}
