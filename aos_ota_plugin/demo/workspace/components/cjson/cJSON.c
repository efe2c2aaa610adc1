/* SPDX-License-Identifier: Apache-2.0 */
#include "cJSON.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 16

/* Every reader takes the text left and returns what is left after it, or NULL when that is not JSON. */
static const char *read_value(cJSON *item, const char *text, int depth);

static const char *skip_blanks(const char *text)
{
    while (*text == ' ' || *text == '\t' || *text == '\r' || *text == '\n') {
        text++;
    }
    return text;
}

static int hex_digits(const char *text, int count)
{
    for (int i = 0; i < count; i++) {
        if (text[i] == '\0' || strchr("0123456789abcdefABCDEF", text[i]) == NULL) {
            return 0;
        }
    }
    return 1;
}

static const char *read_string(char **value, const char *text)
{
    const char *escapes = "\"\\/bfnrt";
    const char *meanings = "\"\\/\b\f\n\r\t";
    char *out;

    if (*text++ != '"') {
        return NULL;
    }
    out = *value = malloc(strlen(text) + 1);
    if (out == NULL) {
        return NULL;
    }
    for (; *text != '"'; text++) {
        if ((unsigned char)*text < ' ') {
            return NULL;
        }
        if (*text != '\\') {
            *out++ = *text;
        } else if (*++text == 'u' && hex_digits(text + 1, 4)) {
            char code[5] = { text[1], text[2], text[3], text[4], '\0' };
            long letter = strtol(code, NULL, 16);

            *out++ = letter > 0 && letter < 0x80 ? (char)letter : '?';
            text += 4;
        } else {
            const char *escape = *text != '\0' ? strchr(escapes, *text) : NULL;

            if (escape == NULL) {
                return NULL;
            }
            *out++ = meanings[escape - escapes];
        }
    }
    *out = '\0';
    return text + 1;
}

static const char *read_number(cJSON *item, const char *text)
{
    char *end;

    item->type = cJSON_Number;
    item->valuedouble = strtod(text, &end);
    if (end == text) {
        return NULL;
    }
    if (item->valuedouble >= INT_MAX) {
        item->valueint = INT_MAX;
    } else if (item->valuedouble <= INT_MIN) {
        item->valueint = INT_MIN;
    } else {
        item->valueint = (int)item->valuedouble;
    }
    return end;
}

static const char *read_members(cJSON *item, const char *text, int depth)
{
    char close = *text == '{' ? '}' : ']';
    cJSON **tail = &item->child;

    item->type = *text == '{' ? cJSON_Object : cJSON_Array;
    text = skip_blanks(text + 1);
    if (*text == close) {
        return text + 1;
    }
    for (;;) {
        *tail = calloc(1, sizeof(cJSON));
        if (*tail == NULL) {
            return NULL;
        }
        if (item->type == cJSON_Object) {
            text = read_string(&(*tail)->string, skip_blanks(text));
            if (text == NULL || *(text = skip_blanks(text)) != ':') {
                return NULL;
            }
            text++;
        }
        text = read_value(*tail, text, depth + 1);
        if (text == NULL) {
            return NULL;
        }
        tail = &(*tail)->next;
        text = skip_blanks(text);
        if (*text == close) {
            return text + 1;
        }
        if (*text++ != ',') {
            return NULL;
        }
    }
}

static const char *read_value(cJSON *item, const char *text, int depth)
{
    static const struct {
        const char *word;
        int type;
    } literals[] = { { "true", cJSON_True }, { "false", cJSON_False }, { "null", cJSON_NULL } };

    if (depth > MAX_DEPTH) {
        return NULL;
    }
    text = skip_blanks(text);
    if (*text == '"') {
        item->type = cJSON_String;
        return read_string(&item->valuestring, text);
    }
    if (*text == '{' || *text == '[') {
        return read_members(item, text, depth);
    }
    if (*text == '-' || (*text >= '0' && *text <= '9')) {
        return read_number(item, text);
    }
    for (size_t i = 0; i < sizeof(literals) / sizeof(literals[0]); i++) {
        size_t length = strlen(literals[i].word);

        if (strncmp(text, literals[i].word, length) == 0) {
            item->type = literals[i].type;
            return text + length;
        }
    }
    return NULL;
}

cJSON *cJSON_Parse(const char *text)
{
    cJSON *root;

    if (text == NULL || (root = calloc(1, sizeof(cJSON))) == NULL) {
        return NULL;
    }
    text = read_value(root, text, 0);
    if (text == NULL || *skip_blanks(text) != '\0') {
        cJSON_Delete(root);
        return NULL;
    }
    return root;
}

void cJSON_Delete(cJSON *item)
{
    while (item != NULL) {
        cJSON *next = item->next;

        cJSON_Delete(item->child);
        free(item->valuestring);
        free(item->string);
        free(item);
        item = next;
    }
}

cJSON *cJSON_GetObjectItem(const cJSON *object, const char *name)
{
    cJSON *item = object != NULL ? object->child : NULL;

    while (item != NULL && (item->string == NULL || strcmp(item->string, name) != 0)) {
        item = item->next;
    }
    return item;
}
