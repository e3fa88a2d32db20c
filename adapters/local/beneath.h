/*
 * Opening beneath a directory, and never outside of it. Blocking: for the work pool.
 *
 *	fd = beneath_open(root, "sub/a.xml", O_RDONLY);
 *	dir = beneath_parent(root, "sub/a.xml", &leaf);	// then openat(dir, leaf), unlinkat ...
 *
 * Whoever may write into the directory may swap names under our feet: a symbolic link for a file, a
 * link for a directory, a mount over either. So every path is resolved by the kernel in one call
 * with openat2(2), which refuses links, "..", and other file systems on the way; where a sandbox
 * forbids that call, component by component. Leading slashes count as the root itself.
 *
 * All return a descriptor (O_CLOEXEC) or -1 with errno: ELOOP a symbolic link, EXDEV the path leads
 * out of the root or into another file system, the others as in open(2). What is opened may still
 * be a FIFO, a device, or have other names: that is for who opens it to check.
 */
#pragma once

/* O_NOFOLLOW and O_NOCTTY are added. No O_CREAT. */
int beneath_open(int root, const char *path, int flags);
/* The same without openat2(2). Public so that it is tested where openat2 works. */
int beneath_open_stepwise(int root, const char *path, int flags);

/* The directory of `path`, readable (so that it can be flushed); *leaf points into `path`. A path
 * without a last component (the root itself) is EISDIR. */
int beneath_parent(int root, const char *path, const char **leaf);
