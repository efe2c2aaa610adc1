/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MBEDTLS_MD_H
#define MBEDTLS_MD_H

typedef enum {
    MBEDTLS_MD_NONE = 0,
    MBEDTLS_MD_MD5 = 3,
    MBEDTLS_MD_SHA256 = 6,
} mbedtls_md_type_t;

#endif
