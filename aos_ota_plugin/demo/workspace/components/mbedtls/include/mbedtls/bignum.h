/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MBEDTLS_BIGNUM_H
#define MBEDTLS_BIGNUM_H

#include <stddef.h>
#include <stdint.h>

#define MBEDTLS_ERR_MPI_BAD_INPUT_DATA   (-0x0004)
#define MBEDTLS_ERR_MPI_BUFFER_TOO_SMALL (-0x0008)

#define MBEDTLS_MPI_MAX_LIMBS 64 /* numbers of 2048 bits */

typedef uint32_t mbedtls_mpi_uint;

/* A number that is not negative, without memory of its own to allocate. */
typedef struct mbedtls_mpi {
    size_t n; /* limbs in use: the highest of them is not zero */
    mbedtls_mpi_uint p[MBEDTLS_MPI_MAX_LIMBS];
} mbedtls_mpi;

void mbedtls_mpi_init(mbedtls_mpi *X);
void mbedtls_mpi_free(mbedtls_mpi *X);

/* Big-endian bytes in and out. */
int mbedtls_mpi_read_binary(mbedtls_mpi *X, const unsigned char *buf, size_t buflen);
int mbedtls_mpi_write_binary(const mbedtls_mpi *X, unsigned char *buf, size_t buflen);

size_t mbedtls_mpi_bitlen(const mbedtls_mpi *X);
size_t mbedtls_mpi_size(const mbedtls_mpi *X); /* in bytes */
int mbedtls_mpi_cmp_mpi(const mbedtls_mpi *X, const mbedtls_mpi *Y);

/* X = A^E mod N. N is odd, A < N, E has 1 to 32 bits. prec_RR is not used and may be NULL. */
int mbedtls_mpi_exp_mod(mbedtls_mpi *X, const mbedtls_mpi *A, const mbedtls_mpi *E, const mbedtls_mpi *N,
                        mbedtls_mpi *prec_RR);

#endif
