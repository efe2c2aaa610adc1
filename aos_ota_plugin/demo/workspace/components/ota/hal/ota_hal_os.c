/* SPDX-License-Identifier: Apache-2.0 */
#include "ota_hal_os.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "aos/kernel.h"

static const char HEX[] = "0123456789ABCDEF";
static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void ota_to_capital(char *text)
{
    for (; *text != '\0'; text++) {
        if (*text >= 'a' && *text <= 'z') {
            *text -= 'a' - 'A';
        }
    }
}

int ota_str2hex(const char *src, unsigned char *dest, unsigned int dest_len)
{
    for (unsigned int i = 0; i < 2 * dest_len; i++) {
        const char *digit = src[i] != '\0' ? strchr(HEX, src[i]) : NULL;

        if (digit == NULL) {
            return -1;
        }
        dest[i / 2] = (unsigned char)(dest[i / 2] << 4 | (digit - HEX));
    }
    return 0;
}

void ota_hex2str(char *dest, const unsigned char *src, unsigned int src_len)
{
    for (unsigned int i = 0; i < src_len; i++) {
        *dest++ = HEX[src[i] >> 4];
        *dest++ = HEX[src[i] & 15];
    }
    *dest = '\0';
}

#ifdef DEMO_VENDOR_FLAWS

/* As mbedtls: line ends may stand anywhere, and what follows the last four is dropped, so that one letter is nothing. */
int ota_base64_decode(const char *input, unsigned char *output, unsigned int *output_len)
{
    unsigned int symbols = 0, padding = 0, written = 0;
    uint32_t value = 0;

    for (const char *at = input; *at != '\0'; at++) {
        if (*at == '\n' || (at[0] == '\r' && at[1] == '\n')) {
            continue;
        }
        if (*at == '=' ? ++padding > 2 : padding > 0 || strchr(BASE64, *at) == NULL) {
            return -1;
        }
        symbols++;
    }
    if ((symbols * 6 + 7) / 8 - padding > *output_len) {
        return -1;
    }
    symbols = padding = 0;
    for (; *input != '\0'; input++) {
        if (*input == '\n' || *input == '\r') {
            continue;
        }
        padding += *input == '=';
        value = value << 6 | (*input == '=' ? 0 : (uint32_t)(strchr(BASE64, *input) - BASE64));
        if (++symbols % 4 == 0) {
            for (unsigned int i = 0; i + padding < 3; i++) {
                output[written++] = (unsigned char)(value >> (16 - 8 * i));
            }
        }
    }
    *output_len = written;
    return 0;
}

#else

int ota_base64_decode(const char *input, unsigned char *output, unsigned int *output_len)
{
    unsigned int room = *output_len, written = 0, bits = 0;
    uint32_t value = 0;
    size_t length = strlen(input);

    if (length % 4 != 0) {
        return -1;
    }
    for (unsigned int padding = 0; padding < 2 && length > 0 && input[length - 1] == '='; padding++) {
        length--;
    }
    for (size_t i = 0; i < length; i++) {
        const char *letter = strchr(BASE64, input[i]);

        if (letter == NULL) {
            return -1;
        }
        value = value << 6 | (uint32_t)(letter - BASE64);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            if (written == room) {
                return -1;
            }
            output[written++] = (unsigned char)(value >> bits);
        }
    }
    *output_len = written;
    return 0;
}

#endif

void ota_msleep(int ms)
{
    aos_msleep(ms);
}
