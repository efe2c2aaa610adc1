/* The component's constants, as far as the digest layer needs them, for a program on the host. */
#ifndef OTA_API_H
#define OTA_API_H
#define OTA_SHA256_HASH_SIZE 32
#define OTA_VERIFY_RSA_FAIL  (-12)
#endif
