/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CJSON_H
#define CJSON_H

#define cJSON_False  (1 << 0)
#define cJSON_True   (1 << 1)
#define cJSON_NULL   (1 << 2)
#define cJSON_Number (1 << 3)
#define cJSON_String (1 << 4)
#define cJSON_Array  (1 << 5)
#define cJSON_Object (1 << 6)

typedef struct cJSON {
    struct cJSON *next;  /* the next member of the same object or array */
    struct cJSON *child; /* the first member, of an object or array */
    int type;
    char *valuestring; /* of a string */
    int valueint;      /* of a number, without its fraction, INT_MIN to INT_MAX; 1 of true */
    double valuedouble;
    char *string; /* the name, of an object's member */
} cJSON;

/* The tree of the JSON value that a text begins with, to be freed with cJSON_Delete; NULL when there is none. */
cJSON *cJSON_Parse(const char *text);
void cJSON_Delete(cJSON *item);

/* The object's first member of that name, in any case of its ASCII letters, or NULL. */
cJSON *cJSON_GetObjectItem(const cJSON *object, const char *name);

#endif
