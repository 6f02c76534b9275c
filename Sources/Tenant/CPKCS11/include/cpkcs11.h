// The part of PKCS #11 (OASIS, version 2.40) that a root key on a token needs, declared from the specification.
//
// A module is a shared library of the token's maker. These functions load one, find a token by its label and an AES key
// by its label, and encrypt and decrypt with it. Every function that returns `unsigned long` returns a CK_RV: 0 is
// success. All of them block; a session belongs to one thread at a time.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Return values that callers tell apart (section 11.1).
enum {
    P11_OK = 0x000,
    P11_GENERAL_ERROR = 0x005,
    P11_FUNCTION_FAILED = 0x006,
    P11_DEVICE_ERROR = 0x030,
    P11_DEVICE_REMOVED = 0x032,
    P11_ENCRYPTED_DATA_INVALID = 0x040,
    P11_ENCRYPTED_DATA_LEN_RANGE = 0x041,
    P11_KEY_HANDLE_INVALID = 0x060,
    P11_MECHANISM_INVALID = 0x070,
    P11_MECHANISM_PARAM_INVALID = 0x071,
    P11_OBJECT_HANDLE_INVALID = 0x082,
    P11_PIN_INCORRECT = 0x0A0,
    P11_PIN_INVALID = 0x0A1,
    P11_PIN_LEN_RANGE = 0x0A2,
    P11_PIN_EXPIRED = 0x0A3,
    P11_PIN_LOCKED = 0x0A4,
    P11_SESSION_CLOSED = 0x0B0,
    P11_SESSION_HANDLE_INVALID = 0x0B3,
    P11_TOKEN_NOT_PRESENT = 0x0E0,
    P11_TOKEN_NOT_RECOGNIZED = 0x0E1,
    P11_USER_ALREADY_LOGGED_IN = 0x100,
    P11_USER_NOT_LOGGED_IN = 0x101,
    P11_CRYPTOKI_NOT_INITIALIZED = 0x190,
    P11_CRYPTOKI_ALREADY_INITIALIZED = 0x191,
};

// What p11_token says of a token: bits of CK_TOKEN_INFO.flags (section 3.2).
enum {
    P11_TOKEN_WRITE_PROTECTED = 0x00000002,
    P11_TOKEN_INITIALIZED = 0x00000400,
    P11_USER_PIN_COUNT_LOW = 0x00010000,
    P11_USER_PIN_FINAL_TRY = 0x00020000,
    P11_USER_PIN_LOCKED = 0x00040000,
    P11_USER_PIN_TO_BE_CHANGED = 0x00080000,
};

// What p11_key_facts says of a key.
enum {
    P11_KEY_IS_AES_256 = 1 << 0,
    P11_KEY_IS_SENSITIVE = 1 << 1,
    P11_KEY_WAS_ALWAYS_SENSITIVE = 1 << 2,
    P11_KEY_IS_EXTRACTABLE = 1 << 3,
    P11_KEY_WAS_NEVER_EXTRACTABLE = 1 << 4,
    P11_KEY_IS_LOCAL = 1 << 5,
    P11_KEY_ENCRYPTS = 1 << 6,
    P11_KEY_DECRYPTS = 1 << 7,
    P11_KEY_IS_PRIVATE = 1 << 8,
};

/// The identifier of a key on the token has this many bytes.
enum { P11_ID_BYTES = 8 };

/// Loads and initialises a module, or gives the one that is loaded already under the same path.
///
/// It stays loaded until the process ends, since many modules do not survive being unloaded. Returns the module's number,
/// or -1; then `reason` holds the cause, and `result` is the module's own complaint, or 0.
int p11_load(const char *path, char *reason, size_t reason_size, unsigned long *result);

/// Counts the tokens with this label (at most 32 bytes, without the padding), and gives the slot and the flags of the last.
unsigned long p11_find_token(int module, const char *label, size_t *count, unsigned long *slot, unsigned long *flags);
/// Opens a session; `writes` where objects will be made.
unsigned long p11_open(int module, unsigned long slot, int writes, unsigned long *session);
/// Ends a session.
unsigned long p11_close(int module, unsigned long session);
/// Proves the user's PIN to the token.
unsigned long p11_login(int module, unsigned long session, const void *pin, size_t length);
/// Counts the secret keys with this label, and gives one.
unsigned long p11_find_key(
    int module, unsigned long session, const char *label, size_t *count, unsigned long *key);
/// Makes an AES-256 key that never leaves the token.
unsigned long p11_generate_key(
    int module, unsigned long session, const char *label, const uint8_t id[P11_ID_BYTES], unsigned long *key);
/// Deletes a key.
unsigned long p11_destroy_key(int module, unsigned long session, unsigned long key);
/// Reads what a key is (P11_KEY_*) and its identifier, whose length must be P11_ID_BYTES (else `id_length` differs).
unsigned long p11_key_facts(
    int module, unsigned long session, unsigned long key, uint32_t *facts, uint8_t id[P11_ID_BYTES],
    size_t *id_length);
/// AES-GCM with a 12-byte nonce and a 16-byte tag behind the ciphertext. `output_length` holds the room before and the
/// number of bytes after.
unsigned long p11_gcm(
    int module, unsigned long session, unsigned long key, int encrypts, const uint8_t nonce[12],
    const void *additional, size_t additional_length, const void *input, size_t input_length, void *output,
    size_t *output_length);
