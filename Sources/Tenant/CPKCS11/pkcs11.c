#include "cpkcs11.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cryptoki.h"

// More than a process ever needs.
enum { MAX_MODULES = 64 };

static struct {
    char *path;
    CK_FUNCTION_LIST *calls;
} modules[MAX_MODULES];
static int module_count;
static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;

static int load(const char *path, char *reason, size_t reason_size, unsigned long *result) {
    for (int i = 0; i < module_count; i++)
        if (strcmp(modules[i].path, path) == 0) return i;
    char *kept = module_count < MAX_MODULES ? strdup(path) : NULL;
    void *library = kept ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!library) {
        const char *cause = kept ? dlerror() : "too many modules are loaded";
        snprintf(reason, reason_size, "%s", cause ? cause : "dlopen failed");
        free(kept);
        return -1;
    }
    CK_RV (*list)(CK_FUNCTION_LIST **);
    *(void **)&list = dlsym(library, "C_GetFunctionList");
    CK_FUNCTION_LIST *calls = NULL;
    if (!list) {
        snprintf(reason, reason_size, "it has no C_GetFunctionList, so it is no PKCS #11 module");
    } else if ((*result = list(&calls)) != P11_OK || !calls) {
        snprintf(reason, reason_size, "C_GetFunctionList failed");
    } else if (calls->version.major < 2 || (calls->version.major == 2 && calls->version.minor < 20)) {
        snprintf(reason, reason_size, "it speaks version %d.%d, older than 2.20", calls->version.major, calls->version.minor);
    } else {
        CK_C_INITIALIZE_ARGS arguments = {.flags = CKF_OS_LOCKING_OK};
        *result = calls->C_Initialize(&arguments);
        if (*result == P11_CRYPTOKI_ALREADY_INITIALIZED) *result = P11_OK;
        if (*result == P11_OK) {
            modules[module_count].path = kept;
            modules[module_count].calls = calls;
            return module_count++;
        }
        snprintf(reason, reason_size, "C_Initialize failed");
    }
    free(kept);
    dlclose(library);
    return -1;
}

int p11_load(const char *path, char *reason, size_t reason_size, unsigned long *result) {
    *result = P11_OK;
    pthread_mutex_lock(&loading);
    int module = load(path, reason, reason_size, result);
    pthread_mutex_unlock(&loading);
    return module;
}

unsigned long p11_find_token(
    int module, const char *label, size_t *count, unsigned long *slot, unsigned long *flags) {
    CK_BYTE padded[32];
    size_t length = strlen(label);
    *count = 0;
    if (length == 0 || length > sizeof padded) return P11_OK;
    memset(padded, ' ', sizeof padded);
    memcpy(padded, label, length);
    // Asking for the number first makes modules look for tokens that came or went.
    CK_SLOT_ID slots[256];
    CK_ULONG slot_count = 0;
    CK_RV result = modules[module].calls->C_GetSlotList(1, NULL, &slot_count);
    if (result != P11_OK) return result;
    slot_count = sizeof slots / sizeof *slots;
    result = modules[module].calls->C_GetSlotList(1, slots, &slot_count);
    if (result != P11_OK) return result;
    for (CK_ULONG i = 0; i < slot_count; i++) {
        CK_TOKEN_INFO token;
        memset(&token, 0, sizeof token);
        // A token that just went is not the one that is looked for.
        if (modules[module].calls->C_GetTokenInfo(slots[i], &token) != P11_OK) continue;
        if (memcmp(token.label, padded, sizeof padded) != 0 || !(token.flags & P11_TOKEN_INITIALIZED)) continue;
        *count += 1;
        *slot = slots[i];
        *flags = token.flags;
    }
    return P11_OK;
}

unsigned long p11_open(int module, unsigned long slot, int writes, unsigned long *session) {
    CK_FLAGS flags = CKF_SERIAL_SESSION | (writes ? CKF_RW_SESSION : 0);
    return modules[module].calls->C_OpenSession(slot, flags, NULL, NULL, session);
}

unsigned long p11_close(int module, unsigned long session) { return modules[module].calls->C_CloseSession(session); }

unsigned long p11_login(int module, unsigned long session, const void *pin, size_t length) {
    return modules[module].calls->C_Login(session, CKU_USER, (CK_BYTE *)pin, length);
}

unsigned long p11_find_key(
    int module, unsigned long session, const char *label, size_t *count, unsigned long *key) {
    CK_ULONG class = CKO_SECRET_KEY;
    CK_BBOOL yes = 1;
    CK_ATTRIBUTE wanted[] = {
        {CKA_CLASS, &class, sizeof class},
        {CKA_TOKEN, &yes, sizeof yes},
        {CKA_LABEL, (void *)label, strlen(label)},
    };
    CK_RV result = modules[module].calls->C_FindObjectsInit(session, wanted, sizeof wanted / sizeof *wanted);
    if (result != P11_OK) return result;
    CK_OBJECT_HANDLE found[2] = {0, 0};
    CK_ULONG found_count = 0;
    result = modules[module].calls->C_FindObjects(session, found, 2, &found_count);
    CK_RV ended = modules[module].calls->C_FindObjectsFinal(session);
    if (result != P11_OK) return result;
    *count = found_count;
    *key = found[0];
    return ended;
}

unsigned long p11_generate_key(
    int module, unsigned long session, const char *label, const uint8_t id[P11_ID_BYTES], unsigned long *key) {
    CK_ULONG class = CKO_SECRET_KEY, type = CKK_AES, length = 32;
    CK_BBOOL yes = 1, no = 0;
    CK_ATTRIBUTE made[] = {
        {CKA_CLASS, &class, sizeof class},
        {CKA_KEY_TYPE, &type, sizeof type},
        {CKA_VALUE_LEN, &length, sizeof length},
        {CKA_LABEL, (void *)label, strlen(label)},
        {CKA_ID, (void *)id, P11_ID_BYTES},
        {CKA_TOKEN, &yes, sizeof yes},
        {CKA_PRIVATE, &yes, sizeof yes},
        {CKA_SENSITIVE, &yes, sizeof yes},
        {CKA_EXTRACTABLE, &no, sizeof no},
        {CKA_ENCRYPT, &yes, sizeof yes},
        {CKA_DECRYPT, &yes, sizeof yes},
        {CKA_WRAP, &no, sizeof no},
        {CKA_UNWRAP, &no, sizeof no},
        {CKA_SIGN, &no, sizeof no},
        {CKA_VERIFY, &no, sizeof no},
        {CKA_DERIVE, &no, sizeof no},
        {CKA_MODIFIABLE, &no, sizeof no},
    };
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    return modules[module].calls->C_GenerateKey(session, &mechanism, made, sizeof made / sizeof *made, key);
}

unsigned long p11_destroy_key(int module, unsigned long session, unsigned long key) {
    return modules[module].calls->C_DestroyObject(session, key);
}

unsigned long p11_key_facts(
    int module, unsigned long session, unsigned long key, uint32_t *facts, uint8_t id[P11_ID_BYTES],
    size_t *id_length) {
    CK_ULONG type = 0, length = 0;
    CK_BBOOL sensitive = 0, always_sensitive = 0, extractable = 1, never_extractable = 0, local = 0;
    CK_BBOOL encrypts = 0, decrypts = 0, private = 0;
    CK_BYTE identifier[256];
    CK_ATTRIBUTE asked[] = {
        {CKA_KEY_TYPE, &type, sizeof type},
        {CKA_VALUE_LEN, &length, sizeof length},
        {CKA_SENSITIVE, &sensitive, sizeof sensitive},
        {CKA_ALWAYS_SENSITIVE, &always_sensitive, sizeof always_sensitive},
        {CKA_EXTRACTABLE, &extractable, sizeof extractable},
        {CKA_NEVER_EXTRACTABLE, &never_extractable, sizeof never_extractable},
        {CKA_LOCAL, &local, sizeof local},
        {CKA_ENCRYPT, &encrypts, sizeof encrypts},
        {CKA_DECRYPT, &decrypts, sizeof decrypts},
        {CKA_PRIVATE, &private, sizeof private},
        {CKA_ID, identifier, sizeof identifier},
    };
    const size_t count = sizeof asked / sizeof *asked;
    CK_RV result = modules[module].calls->C_GetAttributeValue(session, key, asked, count);
    if (result != P11_OK) return result;
    *facts = (type == CKK_AES && length == 32 ? P11_KEY_IS_AES_256 : 0) | (sensitive ? P11_KEY_IS_SENSITIVE : 0) |
             (always_sensitive ? P11_KEY_WAS_ALWAYS_SENSITIVE : 0) | (extractable ? P11_KEY_IS_EXTRACTABLE : 0) |
             (never_extractable ? P11_KEY_WAS_NEVER_EXTRACTABLE : 0) | (local ? P11_KEY_IS_LOCAL : 0) |
             (encrypts ? P11_KEY_ENCRYPTS : 0) | (decrypts ? P11_KEY_DECRYPTS : 0) | (private ? P11_KEY_IS_PRIVATE : 0);
    *id_length = asked[count - 1].length;
    if (*id_length == P11_ID_BYTES) memcpy(id, identifier, P11_ID_BYTES);
    return P11_OK;
}

unsigned long p11_gcm(
    int module, unsigned long session, unsigned long key, int encrypts, const uint8_t nonce[12],
    const void *additional, size_t additional_length, const void *input, size_t input_length, void *output,
    size_t *output_length) {
    CK_GCM_PARAMS parameters = {(CK_BYTE *)nonce, 12, 96, (CK_BYTE *)additional, additional_length, 128};
    CK_MECHANISM mechanism = {CKM_AES_GCM, &parameters, sizeof parameters};
    CK_FUNCTION_LIST *calls = modules[module].calls;
    CK_RV result = (encrypts ? calls->C_EncryptInit : calls->C_DecryptInit)(session, &mechanism, key);
    if (result != P11_OK) return result;
    CK_ULONG length = *output_length;
    result = (encrypts ? calls->C_Encrypt : calls->C_Decrypt)(session, (CK_BYTE *)input, input_length, output, &length);
    *output_length = length;
    return result;
}
