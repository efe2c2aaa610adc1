/* SPDX-License-Identifier: Apache-2.0 */
/* Only public numbers are handled here, so nothing has to take the same time for every value. */
#include "mbedtls/bignum.h"

#include <string.h>

void mbedtls_mpi_init(mbedtls_mpi *X)
{
    memset(X, 0, sizeof(*X));
}

void mbedtls_mpi_free(mbedtls_mpi *X)
{
    if (X != NULL) {
        memset(X, 0, sizeof(*X));
    }
}

static void set_length(mbedtls_mpi *X, size_t limbs)
{
    while (limbs > 0 && X->p[limbs - 1] == 0) {
        limbs--;
    }
    X->n = limbs;
}

int mbedtls_mpi_read_binary(mbedtls_mpi *X, const unsigned char *buf, size_t buflen)
{
    while (buflen > 0 && *buf == 0) {
        buf++;
        buflen--;
    }
    if (buflen > sizeof(X->p)) {
        return MBEDTLS_ERR_MPI_BAD_INPUT_DATA;
    }
    mbedtls_mpi_init(X);
    for (size_t i = 0; i < buflen; i++) {
        X->p[i / 4] |= (mbedtls_mpi_uint)buf[buflen - 1 - i] << (8 * (i % 4));
    }
    set_length(X, MBEDTLS_MPI_MAX_LIMBS);
    return 0;
}

int mbedtls_mpi_write_binary(const mbedtls_mpi *X, unsigned char *buf, size_t buflen)
{
    size_t size = mbedtls_mpi_size(X);

    if (size > buflen) {
        return MBEDTLS_ERR_MPI_BUFFER_TOO_SMALL;
    }
    memset(buf, 0, buflen);
    for (size_t i = 0; i < size; i++) {
        buf[buflen - 1 - i] = (unsigned char)(X->p[i / 4] >> (8 * (i % 4)));
    }
    return 0;
}

size_t mbedtls_mpi_bitlen(const mbedtls_mpi *X)
{
    size_t bits = 0;

    if (X->n > 0) {
        bits = (X->n - 1) * 32;
        for (mbedtls_mpi_uint top = X->p[X->n - 1]; top != 0; top >>= 1) {
            bits++;
        }
    }
    return bits;
}

size_t mbedtls_mpi_size(const mbedtls_mpi *X)
{
    return (mbedtls_mpi_bitlen(X) + 7) / 8;
}

int mbedtls_mpi_cmp_mpi(const mbedtls_mpi *X, const mbedtls_mpi *Y)
{
    if (X->n != Y->n) {
        return X->n > Y->n ? 1 : -1;
    }
    for (size_t i = X->n; i-- > 0;) {
        if (X->p[i] != Y->p[i]) {
            return X->p[i] > Y->p[i] ? 1 : -1;
        }
    }
    return 0;
}

/* x -= n, where carry is the limb above x, if x with its carry is not below n. */
static void reduce(mbedtls_mpi_uint *x, mbedtls_mpi_uint carry, const mbedtls_mpi *N)
{
    mbedtls_mpi_uint borrow = 0;

    for (size_t i = N->n; carry == 0 && i-- > 0;) {
        if (x[i] != N->p[i]) {
            if (x[i] < N->p[i]) {
                return;
            }
            break;
        }
    }
    for (size_t i = 0; i < N->n; i++) {
        uint64_t difference = (uint64_t)x[i] - N->p[i] - borrow;

        x[i] = (mbedtls_mpi_uint)difference;
        borrow = (mbedtls_mpi_uint)(difference >> 32) & 1;
    }
}

/* x = x * y / 2^(32 * limbs) mod N: Montgomery's product, one limb of y at a time. inverse is -1/N mod 2^32. */
static void multiply(mbedtls_mpi_uint *x, const mbedtls_mpi_uint *y, const mbedtls_mpi *N,
                     mbedtls_mpi_uint inverse)
{
    mbedtls_mpi_uint t[MBEDTLS_MPI_MAX_LIMBS + 2] = { 0 };
    size_t n = N->n;

    for (size_t i = 0; i < n; i++) {
        uint64_t sum = 0;
        mbedtls_mpi_uint m;

        for (size_t j = 0; j < n; j++) {
            sum += (uint64_t)x[j] * y[i] + t[j];
            t[j] = (mbedtls_mpi_uint)sum;
            sum >>= 32;
        }
        sum += t[n];
        t[n] = (mbedtls_mpi_uint)sum;
        t[n + 1] = (mbedtls_mpi_uint)(sum >> 32);

        m = t[0] * inverse;
        sum = ((uint64_t)m * N->p[0] + t[0]) >> 32;
        for (size_t j = 1; j < n; j++) {
            sum += (uint64_t)m * N->p[j] + t[j];
            t[j - 1] = (mbedtls_mpi_uint)sum;
            sum >>= 32;
        }
        sum += t[n];
        t[n - 1] = (mbedtls_mpi_uint)sum;
        t[n] = t[n + 1] + (mbedtls_mpi_uint)(sum >> 32);
    }
    reduce(t, t[n], N);
    memcpy(x, t, n * sizeof(t[0]));
}

int mbedtls_mpi_exp_mod(mbedtls_mpi *X, const mbedtls_mpi *A, const mbedtls_mpi *E, const mbedtls_mpi *N,
                        mbedtls_mpi *prec_RR)
{
    mbedtls_mpi_uint base[MBEDTLS_MPI_MAX_LIMBS], result[MBEDTLS_MPI_MAX_LIMBS] = { 0 };
    const mbedtls_mpi_uint one[MBEDTLS_MPI_MAX_LIMBS] = { 1 };
    mbedtls_mpi_uint inverse = 1;

    (void)prec_RR;
    if (N->n == 0 || (N->p[0] & 1) == 0 || E->n != 1 || mbedtls_mpi_cmp_mpi(A, N) >= 0) {
        return MBEDTLS_ERR_MPI_BAD_INPUT_DATA;
    }
    for (int i = 0; i < 5; i++) {
        inverse *= 2 - N->p[0] * inverse; /* every round doubles the right bits, from one */
    }
    inverse = -inverse;

    /* Into Montgomery's form, by doubling: base = A * 2^(32 * limbs) mod N. */
    memcpy(base, A->p, sizeof(base));
    for (size_t bit = 0; bit < 32 * N->n; bit++) {
        mbedtls_mpi_uint carry = 0;

        for (size_t i = 0; i < N->n; i++) {
            mbedtls_mpi_uint top = base[i] >> 31;

            base[i] = base[i] << 1 | carry;
            carry = top;
        }
        reduce(base, carry, N);
    }
    memcpy(result, base, sizeof(result));
    for (size_t bit = mbedtls_mpi_bitlen(E) - 1; bit-- > 0;) {
        multiply(result, result, N, inverse);
        if (E->p[0] >> bit & 1) {
            multiply(result, base, N, inverse);
        }
    }
    multiply(result, one, N, inverse);

    mbedtls_mpi_init(X);
    memcpy(X->p, result, N->n * sizeof(result[0]));
    set_length(X, N->n);
    return 0;
}
