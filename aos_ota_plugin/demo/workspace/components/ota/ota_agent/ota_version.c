/* SPDX-License-Identifier: Apache-2.0 */
/* Which of two versions is the newer one. */
#include <string.h>

#include "ota_agent.h"

#ifdef DEMO_VENDOR_FLAWS

/* Byte by byte, over the new version's length: 1.0.10 is older than 1.0.9. */
int ota_version_is_newer(const char *version, const char *current)
{
    return strncmp(version, current, strlen(version)) > 0;
}

#else

static int is_digit(char letter)
{
    return letter >= '0' && letter <= '9';
}

/* Digits of the number at text, without the zeros before it; *text goes behind it. */
static size_t number(const char **text, const char **digits)
{
    while (**text == '0') {
        (*text)++;
    }
    *digits = *text;
    while (is_digit(**text)) {
        (*text)++;
    }
    return (size_t)(*text - *digits);
}

/* Numbers as numbers, everything else as bytes. */
int ota_version_is_newer(const char *version, const char *current)
{
    while (*version != '\0' || *current != '\0') {
        if (is_digit(*version) && is_digit(*current)) {
            const char *ours, *theirs;
            size_t length = number(&version, &ours);
            size_t other = number(&current, &theirs);
            int order = length == other ? memcmp(ours, theirs, length) : length > other ? 1 : -1;

            if (order != 0) {
                return order > 0;
            }
        } else if (*version != *current) {
            return (unsigned char)*version > (unsigned char)*current;
        } else {
            version++;
            current++;
        }
    }
    return 0;
}

#endif
