/* SPDX-License-Identifier: Apache-2.0 */
/* The first task: the kernel calls it once the chip runs, and it starts the application. */

#include <stdio.h>

#include "aos/cli.h"
#include "board.h"

extern int application_start(int argc, char *argv[]);

void aos_maintask(void *arg)
{
    (void)arg;
    board_init();
    printf("ota_demo on %s\n", board_name());
    aos_cli_init();
    application_start(0, NULL);
}
