/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is JSON here is what cJSON 1.7 takes for it: a byte order mark before the value and anything behind it, any byte up to
 * the blank as a blank, control characters in strings. Nothing here calls itself, so that a nested text takes no stack.
 */
#include "cJSON.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH    1000
#define NUMBER_CHARS 63

/* Every reader takes the text left and returns what is left after it, or NULL when that is not JSON. */

static const char *skip_blanks(const char *text)
{
    while (*text != '\0' && (unsigned char)*text <= ' ') {
        text++;
    }
    return text;
}

/* The value of four hexadecimal digits; 0, too, where there is another character. */
static unsigned int hex4(const char *text)
{
    unsigned int value = 0;

    for (int i = 0; i < 4; i++) {
        unsigned char letter = (unsigned char)text[i];

        if (letter >= '0' && letter <= '9') {
            value = value << 4 | (letter - '0');
        } else if ((letter | 0x20) >= 'a' && (letter | 0x20) <= 'f') {
            value = value << 4 | ((letter | 0x20) - 'a' + 10u);
        } else {
            return 0;
        }
    }
    return value;
}

static char *put_utf8(char *out, unsigned int letter)
{
    if (letter < 0x80) {
        *out++ = (char)letter;
        return out;
    }
    if (letter < 0x800) {
        *out++ = (char)(0xc0 | letter >> 6);
    } else {
        if (letter < 0x10000) {
            *out++ = (char)(0xe0 | letter >> 12);
        } else {
            *out++ = (char)(0xf0 | letter >> 18);
            *out++ = (char)(0x80 | (letter >> 12 & 0x3f));
        }
        *out++ = (char)(0x80 | (letter >> 6 & 0x3f));
    }
    *out++ = (char)(0x80 | (letter & 0x3f));
    return out;
}

/* "uXXXX", or a pair of surrogates "uXXXX\uXXXX". */
static const char *read_code(char **out, const char *text, const char *end)
{
    unsigned int letter;

    if (end - text < 5) {
        return NULL;
    }
    letter = hex4(text + 1);
    text += 5;
    if (letter >= 0xdc00 && letter <= 0xdfff) {
        return NULL;
    }
    if (letter >= 0xd800 && letter <= 0xdbff) {
        unsigned int low = end - text >= 6 && text[0] == '\\' && text[1] == 'u' ? hex4(text + 2) : 0;

        if (low < 0xdc00 || low > 0xdfff) {
            return NULL;
        }
        letter = 0x10000 + ((letter & 0x3ff) << 10 | (low & 0x3ff));
        text += 6;
    }
    *out = put_utf8(*out, letter);
    return text;
}

static const char *read_string(char **value, const char *text)
{
    static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char *end;
    char *out;

    if (*text++ != '"') {
        return NULL;
    }
    for (end = text; *end != '"'; end++) {
        end += *end == '\\';
        if (*end == '\0') {
            return NULL;
        }
    }
    out = *value = malloc((size_t)(end - text) + 1);
    while (out != NULL && text != NULL && text < end) {
        if (*text != '\\') {
            *out++ = *text++;
        } else if (*++text == 'u') {
            text = read_code(&out, text, end);
        } else {
            const char *escape = strchr(escapes, *text);

            *out++ = escape != NULL ? meanings[escape - escapes] : '\0';
            text = escape != NULL ? text + 1 : NULL;
        }
    }
    if (out == NULL || text == NULL) {
        return NULL;
    }
    *out = '\0';
    return end + 1;
}

static const char *read_number(cJSON *item, const char *text)
{
    char digits[NUMBER_CHARS + 1], *end;
    size_t length = strspn(text, "0123456789+-eE.");

    length = length < NUMBER_CHARS ? length : NUMBER_CHARS;
    memcpy(digits, text, length);
    digits[length] = '\0';
    item->type = cJSON_Number;
    item->valuedouble = strtod(digits, &end);
    if (end == digits) {
        return NULL;
    }
    if (item->valuedouble >= INT_MAX) {
        item->valueint = INT_MAX;
    } else if (item->valuedouble <= INT_MIN) {
        item->valueint = INT_MIN;
    } else {
        item->valueint = (int)item->valuedouble;
    }
    return text + (end - digits);
}

static int is_open(const cJSON *item)
{
    return item->type == cJSON_Object || item->type == cJSON_Array;
}

/* Of an object or array its first character only. */
static const char *read_value(cJSON *item, const char *text)
{
    static const struct {
        const char *word;
        int type;
    } literals[] = { { "null", cJSON_NULL }, { "false", cJSON_False }, { "true", cJSON_True } };

    if (*text == '"') {
        item->type = cJSON_String;
        return read_string(&item->valuestring, text);
    }
    if (*text == '{' || *text == '[') {
        item->type = *text == '{' ? cJSON_Object : cJSON_Array;
        return text + 1;
    }
    if (*text == '-' || (*text >= '0' && *text <= '9')) {
        return read_number(item, text);
    }
    for (size_t i = 0; i < sizeof(literals) / sizeof(literals[0]); i++) {
        size_t length = strlen(literals[i].word);

        if (strncmp(text, literals[i].word, length) == 0) {
            item->type = literals[i].type;
            item->valueint = item->type == cJSON_True;
            return text + length;
        }
    }
    return NULL;
}

/* The name of an object's member, with its colon. */
static const char *read_name(cJSON *item, const char *text)
{
    text = read_string(&item->string, skip_blanks(text));
    if (text == NULL || *(text = skip_blanks(text)) != ':') {
        return NULL;
    }
    return text + 1;
}

/* 0, or -1 when it is not JSON. As long as an object or array is open, its `next` is the one around it. */
static int read_tree(cJSON *item, const char *text)
{
    cJSON *in = NULL, *last = NULL;
    int depth = 0;

    while (text != NULL && (text = read_value(item, skip_blanks(text))) != NULL) {
        if (!is_open(item)) {
            last = item;
        } else if (depth++ < MAX_DEPTH) {
            item->next = in;
            in = item;
            last = NULL;
        } else {
            break;
        }
        text = skip_blanks(text);
        for (; in != NULL && *text == (in->type == cJSON_Object ? '}' : ']'); text = skip_blanks(text + 1)) {
            last = in;
            in = in->next;
            last->next = NULL;
            depth--;
        }
        if (in == NULL) {
            return 0;
        }
        if (last != NULL && *text++ != ',') {
            break;
        }
        item = calloc(1, sizeof(cJSON));
        if (item == NULL) {
            break;
        }
        *(last != NULL ? &last->next : &in->child) = item;
        text = in->type == cJSON_Object ? read_name(item, text) : text;
    }
    while (in != NULL) {
        last = in;
        in = in->next;
        last->next = NULL;
    }
    return -1;
}

cJSON *cJSON_Parse(const char *text)
{
    cJSON *root;

    if (text == NULL || (root = calloc(1, sizeof(cJSON))) == NULL) {
        return NULL;
    }
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
    }
    if (read_tree(root, text) != 0) {
        cJSON_Delete(root);
        return NULL;
    }
    return root;
}

void cJSON_Delete(cJSON *item)
{
    while (item != NULL) {
        cJSON *next = item->child != NULL ? item->child : item->next;

        if (item->child != NULL) { /* its members first, then what follows it */
            cJSON *last = item->child;

            while (last->next != NULL) {
                last = last->next;
            }
            last->next = item->next;
        }
        free(item->valuestring);
        free(item->string);
        free(item);
        item = next;
    }
}

static int lower(char letter)
{
    return letter >= 'A' && letter <= 'Z' ? letter + ('a' - 'A') : letter;
}

static int is_named(const cJSON *item, const char *name)
{
    const char *own = item->string;

    while (own != NULL && *own != '\0' && lower(*own) == lower(*name)) {
        own++;
        name++;
    }
    return own != NULL && *own == '\0' && *name == '\0';
}

cJSON *cJSON_GetObjectItem(const cJSON *object, const char *name)
{
    cJSON *item = object != NULL ? object->child : NULL;

    while (item != NULL && !is_named(item, name)) {
        item = item->next;
    }
    return item;
}
