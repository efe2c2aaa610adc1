/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AOS_KERNEL_H
#define AOS_KERNEL_H

/*
 * Run fn(arg) as a task. There is no scheduler here: it returns when the task has ended. Called from what runs while
 * others sleep, it returns at once, and the task starts when that is through. 0 on success.
 */
int aos_task_new(const char *name, void (*fn)(void *), void *arg, int stack_size);

/* Do nothing for about this many milliseconds. */
void aos_msleep(int ms);

/* Have fn called again and again while others sleep. */
void aos_while_asleep(void (*fn)(void));

/* Start the device anew. */
void aos_reboot(void);

#endif
