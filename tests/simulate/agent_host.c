/* The agent's reading of pushes and its messages, run on this machine: a request a line of standard input. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cJSON.h"
#include "ota_import.h"
#include "ulog/ulog.h"

static char logged[4096];

void aos_msleep(int ms)
{
    (void)ms;
}

void ulog(aos_log_level_t level, const char *module, const char *format, ...)
{
    size_t length = strlen(logged);
    va_list args;

    (void)level, (void)module;
    va_start(args, format);
    vsnprintf(logged + length, sizeof(logged) - length, format, args);
    va_end(args);
    strncat(logged, ";", sizeof(logged) - strlen(logged) - 1);
}

static void show(const char *bytes, size_t length)
{
    putchar(' ');
    for (size_t i = 0; i < length; i++) {
        printf("%02x", (unsigned char)bytes[i]);
    }
    printf(length > 0 ? "" : "-");
}

static void show_text(const char *text)
{
    show(text, strlen(text));
}

static void take(char *text)
{
    static ota_service_t service;
    ota_boot_param_t param = { 0 };
    cJSON *root = cJSON_Parse(text);
    int ret = ota_take_push(&service, root, &param);

    cJSON_Delete(root);
    printf("%d %lu %d", ret, (unsigned long)param.len, param.hash_type);
    show_text(param.url);
    show_text(param.ver);
    show_text(param.hash);
    show_text(service.module_name);
    show(param.sign, sizeof(param.sign));
    show_text(logged);
}

int main(void)
{
    static char line[1 << 16], text[1 << 15], message[OTA_MSG_LEN];

    while (fgets(line, sizeof(line), stdin) != NULL) {
        char *word = strtok(line + 1, " \n"), *rest = strtok(NULL, "\n");
        size_t length = 0;

        for (; word != NULL && word[0] != '-' && word[2 * length] != '\0'; length++) {
            unsigned int byte;

            sscanf(word + 2 * length, "%2x", &byte);
            text[length] = (char)byte;
        }
        text[length] = '\0';
        logged[0] = '\0';
        switch (line[0]) {
        case 'p':
            take(text);
            break;
        case 'i':
            printf("%d", ota_inform_message(message, text, rest));
            show_text(message);
            break;
        case 's':
            printf("%d", ota_progress_message(message, text, atoi(rest)));
            show_text(message);
            break;
        case 'n':
            printf("%s", ota_code_name(atoi(rest)));
            break;
        }
        putchar('\n');
        fflush(stdout);
    }
    return 0;
}
