#include "config/path.h"

#include <string.h>

char *path_clean(struct arena *a, const char *path)
{
	char *out = arena_new(a, strlen(path) + 2), *end = out;

	if (*path == '/')
		*end++ = '/';
	while (*path) {
		size_t part = strcspn(path, "/");

		if (part == 2 && path[0] == '.' && path[1] == '.')
			return NULL;
		if (part && !(part == 1 && *path == '.')) {
			if (end > out && end[-1] != '/')
				*end++ = '/';
			memcpy(end, path, part);
			end += part;
		}
		path += part + (path[part] == '/');
	}
	*end = '\0';
	return out;
}

static int count_parts(const char *path)
{
	int parts = 0;

	while (*path) {
		path += strspn(path, "/");
		parts += *path != '\0';
		path += strcspn(path, "/");
	}
	return parts;
}

int path_levels_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	if (strcmp(path, ".") == 0)
		path = "";
	if (strcmp(dir, ".") == 0 || !n)
		return *path == '/' ? -1 : count_parts(path);
	if (dir[n - 1] == '/')
		n--; /* the root directory */
	if (strncmp(path, dir, n) != 0 || (path[n] && path[n] != '/'))
		return -1;
	return count_parts(path + n);
}
