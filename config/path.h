/*
 * Questions about paths as text. Pure; symbolic links are not followed.
 */
#pragma once
#include "config/arena.h"

/* A copy in the arena without doubled and trailing slashes and "." parts; NULL when a part is
 * "..". "/" stays, what is relative stays relative, "." becomes "". */
char *path_clean(struct arena *a, const char *path);

/* How many levels the clean `path` lies below the clean `dir`: 0 = the same, -1 = elsewhere.
 * "" and "." are the directory that relative paths start from. */
int path_levels_below(const char *path, const char *dir);
