/* SPDX-License-Identifier: Apache-2.0 */
#include "aos/cli.h"

#include <stddef.h>
#include <string.h>

#define MAX_COMMANDS 16
#define MAX_ARGS     8
#define BLANKS       " \t\r\n"

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

    for (char *word = strtok(line, BLANKS); word != NULL && argc < MAX_ARGS; word = strtok(NULL, BLANKS)) {
        argv[argc++] = word;
    }
    for (size_t i = 0; argc > 0 && i < command_count; i++) {
        if (strcmp(commands[i]->name, argv[0]) == 0) {
            return commands[i]->function(argc, argv);
        }
    }
    return -1;
}
