/* A directory of a test with all that is in it goes away. */
#pragma once
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

static inline int tree_remove_one(const char *path, const struct stat *st, int type,
                                  struct FTW *walk)
{
	(void)st;
	(void)type;
	(void)walk;
	return remove(path);
}

static inline int tree_remove(const char *path)
{
	return nftw(path, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
