/* SPDX-License-Identifier: Apache-2.0 */
#include "aos/cli.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "aos/kernel.h"
#include "hal/cpu.h"

#define MAX_COMMANDS 16
#define MAX_ARGS     8
#define MAX_LINE     128
#define BLANKS       " \t\r\n"
#define PROMPT       "(ash)# "

static const struct cli_command *commands[MAX_COMMANDS];
static size_t command_count;

int aos_cli_register_command(const struct cli_command *command)
{
    if (command == NULL || command_count == MAX_COMMANDS) {
        return -1;
    }
    commands[command_count++] = command;
    return 0;
}

int aos_cli_run(char *line)
{
    char *argv[MAX_ARGS];
    int argc = 0;

    for (char *word = strtok(line, BLANKS); word != NULL; word = strtok(NULL, BLANKS)) {
        if (argc == MAX_ARGS) {
            printf("cli: more than %d words\n", MAX_ARGS);
            return -1;
        }
        argv[argc++] = word;
    }
    if (argc == 0) {
        return 0;
    }
    for (size_t i = 0; i < command_count; i++) {
        if (strcmp(commands[i]->name, argv[0]) == 0) {
            return commands[i]->function(argc, argv);
        }
    }
    printf("cli: there is no command '%s'; help lists them\n", argv[0]);
    return -1;
}

static int help_command(int argc, char *argv[])
{
    (void)argc;
    (void)argv;
    for (size_t i = 0; i < command_count; i++) {
        printf("%-10s %s\n", commands[i]->name, commands[i]->help);
    }
    return 0;
}

static int reboot_command(int argc, char *argv[])
{
    (void)argc;
    (void)argv;
    printf("reboot\n");
    aos_reboot();
    return 0;
}

static void run_line(char *line, size_t length)
{
    if (length >= MAX_LINE) {
        printf("cli: more than %d letters\n", MAX_LINE - 1);
    } else {
        line[length] = '\0';
        aos_cli_run(line);
    }
    printf(PROMPT);
    fflush(stdout);
}

static void echo(const char *text)
{
    while (*text != '\0') {
        hal_console_put(*text++);
    }
}

/* What has been typed so far; a line ends with CR, LF or both. Letters beyond the room are counted, not kept. */
static void listen(void)
{
    static char line[MAX_LINE];
    static size_t length;
    static int after_cr;
    int letter;

    while ((letter = hal_console_get()) >= 0) {
        char text[2] = { (char)letter, '\0' };
        int second = letter == '\n' && after_cr;

        after_cr = letter == '\r';
        if (second) {
            continue;
        }
        if (letter == '\r' || letter == '\n') {
            size_t whole = length;

            echo("\n");
            length = 0;
            run_line(line, whole);
        } else if (letter == '\b' || letter == 0x7f) {
            if (length > 0) {
                length--;
                echo("\b \b");
            }
        } else if ((unsigned char)letter >= ' ') {
            if (length < MAX_LINE) {
                line[length++] = (char)letter;
            }
            echo(text);
        }
    }
}

int aos_cli_init(void)
{
    static const struct cli_command help = { "help", "list the commands", help_command };
    static const struct cli_command reboot = { "reboot", "start the device anew", reboot_command };

    aos_while_asleep(listen);
    return aos_cli_register_command(&help) < 0 ? -1 : aos_cli_register_command(&reboot);
}
