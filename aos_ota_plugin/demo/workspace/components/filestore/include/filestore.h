/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files in the partition of the file system. There are no folders to be made: a path is a name with slashes, from the root;
 * "." and ".." lead where they lead in any file system. One change at a time; until it is committed, whatever happens,
 * the files are what they were.
 */
#ifndef FILESTORE_H
#define FILESTORE_H

#include <stdint.h>

#define FILESTORE_PATH 128 /* bytes of a path, with its zero byte */

/* Bytes of a file; -1: there is none. */
int32_t filestore_size(const char *path);

/* All of these bytes of a file: 0, else -1. */
int filestore_read(const char *path, uint32_t offset, void *buffer, uint32_t length);

/*
 * Start a change: all the files there are stay, but for those of which `replaced` says so. 0, or -1. It ends a change that was
 * not committed.
 */
int filestore_begin(int (*replaced)(const char *path, void *context), void *context);

/* A new file of the change; filestore_write brings its bytes, in pieces. 0, or -1 when there is no room. */
int filestore_add(const char *path, uint32_t size);
int filestore_write(const void *data, uint32_t length);

/* The change is what there is from now on: 0. Else -1, and it is not. */
int filestore_commit(void);

/* Put the path that `path` leads to into `target`. 0, or -1 when it leads above the root or is too long. */
int filestore_resolve(const char *path, char target[FILESTORE_PATH]);

#endif
