/*
 * The files of a configuration: the main one, and those that include: brings in.
 *
 * Patterns are relative to the directory of the file they stand in and are expanded in the order
 * of bytes, so that two machines read the same order. A file that is named twice counts once; a
 * file that includes itself, directly or not, is an error, and so is a plain path that is missing.
 * At most INCLUDE_DEPTH_MAX files deep and INCLUDE_FILES_MAX in all.
 */
#pragma once
#include "config/load.h"

enum { INCLUDE_DEPTH_MAX = 8, INCLUDE_FILES_MAX = 1000 };

void include_main_file(struct loader *l, const char *path);
/* Included files are read only when l->disk says so. */
void include_main_text(struct loader *l, const struct config_text *text);
