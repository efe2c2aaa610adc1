/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AOS_CLI_H
#define AOS_CLI_H

struct cli_command {
    const char *name;
    const char *help;
    int (*function)(int argc, char *argv[]);
};

/* Listen to the console while others sleep; the commands help and reboot are there. Negative when the table is full. */
int aos_cli_init(void);

/* The command must outlive the program. Negative when the table is full. */
int aos_cli_register_command(const struct cli_command *command);

/*
 * Split the line at its blanks, in place, and run the command it names. Its result; negative, too, when there is no such
 * command or there are more than eight words, which it says. An empty line is 0.
 */
int aos_cli_run(char *line);

#endif
