/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AOS_KERNEL_H
#define AOS_KERNEL_H

/* Run fn(arg) as a task. There is no scheduler here: it returns when the task has ended. 0 on success. */
int aos_task_new(const char *name, void (*fn)(void *), void *arg, int stack_size);

/* Do nothing for about this many milliseconds. */
void aos_msleep(int ms);

#endif
