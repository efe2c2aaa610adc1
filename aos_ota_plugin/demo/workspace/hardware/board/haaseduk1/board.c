/* SPDX-License-Identifier: Apache-2.0 */
#include "board.h"

#include "hal/cpu.h"

void board_init(void)
{
    hal_console_on();
}

const char *board_name(void)
{
    return "haaseduk1";
}
