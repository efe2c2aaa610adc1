/* SPDX-License-Identifier: Apache-2.0 */
/* Names in a data-file pack: which ones stay inside the folder that the pack is unpacked into, on every system. */
#include <string.h>

#include "ota_pack.h"

static char lower(char letter)
{
    return letter >= 'A' && letter <= 'Z' ? (char)(letter + 'a' - 'A') : letter;
}

/* Whether the text, without regard to case, is `word` (in small letters) and no more. */
static int is_word(const char *text, size_t length, const char *word)
{
    size_t i = 0;

    while (i < length && word[i] != '\0' && lower(text[i]) == word[i]) {
        i++;
    }
    return i == length && word[i] == '\0';
}

/* The length of the UTF-8 sequence that begins there; 0 when it is none. */
static size_t sequence(const uint8_t *text, size_t left)
{
    size_t length = text[0] < 0x80 ? 1 : text[0] >= 0xC2 && text[0] < 0xE0 ? 2 : (text[0] & 0xF0) == 0xE0 ? 3
                    : text[0] >= 0xF0 && text[0] < 0xF5 ? 4 : 0;

    if (length == 0 || length > left) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    /* Too long for what they say, surrogates, and beyond Unicode's end. */
    if ((text[0] == 0xE0 && text[1] < 0xA0) || (text[0] == 0xED && text[1] >= 0xA0) ||
        (text[0] == 0xF0 && text[1] < 0x90) || (text[0] == 0xF4 && text[1] >= 0x90)) {
        return 0;
    }
    return length;
}

static int is_text(const char *name, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t size = sequence((const uint8_t *)name + at, length - at);

        if (size == 0 || (uint8_t)name[at] < ' ' || name[at] == 0x7f || strchr("<>:\"|?*\\", name[at]) != NULL) {
            return 0;
        }
        at += size;
    }
    return 1;
}

/* Names that are devices on Windows, whatever follows a dot. */
static int is_reserved(const char *part, size_t length)
{
    static const char *const words[] = { "con", "prn", "aux", "nul", "conin$", "conout$" };
    const char *dot = memchr(part, '.', length);
    int is_port;

    length = dot != NULL ? (size_t)(dot - part) : length;
    while (length > 0 && part[length - 1] == ' ') {
        length--;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (is_word(part, length, words[i])) {
            return 1;
        }
    }
    is_port = length > 3 && (is_word(part, 3, "com") || is_word(part, 3, "lpt"));
    /* A digit, or one of the three that stand above the line. */
    return is_port && ((length == 4 && part[3] >= '0' && part[3] <= '9') ||
                       (length == 5 && (uint8_t)part[3] == 0xC2 &&
                        ((uint8_t)part[4] == 0xB9 || (uint8_t)part[4] == 0xB2 || (uint8_t)part[4] == 0xB3)));
}

int ota_pack_name_is_safe(const char *name, size_t length)
{
    size_t start = 0;

    if (length > OTA_PACK_NAME_MAX || !is_text(name, length)) {
        return 0;
    }
    for (;;) {
        const char *slash = memchr(name + start, '/', length - start);
        size_t end = slash != NULL ? (size_t)(slash - name) : length;

        /* The dot takes "." and ".." with it. */
        if (end == start || name[end - 1] == '.' || name[end - 1] == ' ' || is_reserved(name + start, end - start)) {
            return 0;
        }
        if (slash == NULL) {
            return 1;
        }
        start = end + 1;
    }
}

int ota_pack_names_collide(const char *one, const char *other)
{
    size_t i = 0, folders = 0;

    while (one[i] != '\0' && lower(one[i]) == lower(other[i])) {
        if (one[i] == '/') {
            folders = i;
        }
        i++;
    }
    if ((one[i] == '\0' || one[i] == '/') && (other[i] == '\0' || other[i] == '/')) {
        return 1; /* the same file, or a file and a folder */
    }
    return memcmp(one, other, folders) != 0; /* one folder in two spellings */
}
