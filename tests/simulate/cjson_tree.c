/* Answers texts with the trees that cJSON makes of them. Compiled with the demo's and with upstream's. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cJSON.h"

static void show_text(const char *text)
{
    for (; text != NULL && *text != '\0'; text++) {
        printf("%02x", (unsigned char)*text);
    }
    printf(text != NULL ? "" : "-");
}

static void show(const cJSON *item)
{
    printf("(%d:%d:%a:", item->type, item->valueint, item->valuedouble);
    show_text(item->valuestring);
    putchar(':');
    show_text(item->string);
    for (item = item->child; item != NULL; item = item->next) {
        show(item);
    }
    putchar(')');
}

static char *receive(void)
{
    uint32_t length;
    char *text;

    if (fread(&length, sizeof(length), 1, stdin) != 1 || (text = malloc(length + 1)) == NULL) {
        exit(0);
    }
    text[fread(text, 1, length, stdin)] = '\0';
    return text;
}

int main(void)
{
    for (;;) {
        char *text = receive(), *name = receive();
        cJSON *root = cJSON_Parse(text);

        if (root == NULL) {
            printf("no JSON");
        } else {
            cJSON *found = cJSON_GetObjectItem(root, name);

            show(root);
            printf(" named: ");
            if (found != NULL) {
                show(found);
            }
        }
        cJSON_Delete(root);
        free(text);
        free(name);
        putchar('\n');
        fflush(stdout);
    }
}
