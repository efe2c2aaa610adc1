/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOARD_H
#define BOARD_H

void board_init(void);
const char *board_name(void);

#endif
