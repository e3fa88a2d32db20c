#include "adapters/ftps/path.h"

#include <string.h>

#include "adapters/charset.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"

static int check(const char *path, struct err *e)
{
	struct escaped tmp;

	if (strlen(path) > FTP_PATH_MOST)
		return err_set(e, ERR_POLICY, "FTP-PATH-LONG", 0,
		               "a path of more than %d bytes is not sent: %s", FTP_PATH_MOST,
		               escape_name(path, &tmp));
	for (const unsigned char *p = (const unsigned char *)path; *p; p++)
		if (*p < 0x20 || *p == 0x7F)
			return err_set(e, ERR_POLICY, "FTP-PATH-CONTROL", *p,
			               "a control character in a path would become a command of "
			               "its own: %s",
			               escape_name(path, &tmp));
	return 0;
}

/* ---- parts --------------------------------------------------------------------------------- */

static char *absolute(const struct ftp_session *s, const char *path)
{
	while (path[0] == '.' && (path[1] == '/' || path[1] == '\0'))
		path += path[1] ? 2 : 1;
	if (path[0] == '/' || !s->entry)
		return mem_dup(path);
	if (!path[0])
		return mem_dup(s->entry);
	return mem_printf("%s%s%s", s->entry, s->entry[1] ? "/" : "", path);
}

static void strip_slashes(char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		path[--n] = '\0';
}

char *ftp_path(const struct ftp_session *s, const char *path, struct err *e)
{
	_cleanup_free_ char *converted = NULL;
	char *there;

	if (check(path, e) < 0)
		return NULL;
	converted = charset_encode(s->endpoint->charset, path, e);
	if (!converted)
		return NULL;
	there = absolute(s, converted);
	strip_slashes(there);
	return there;
}

char *ftp_path_parent(const char *there)
{
	const char *slash = strrchr(there, '/');

	if (!slash)
		return mem_dup("");
	return mem_dup_bytes(there, slash == there ? 1 : (size_t)(slash - there));
}

const char *ftp_path_base(const char *there)
{
	const char *slash = strrchr(there, '/');

	return slash ? slash + 1 : there;
}

/* libcurl decodes it again; with its NOCWD method the result goes to the server as it is. */
char *ftp_path_url(const struct ftp_session *s, const char *there, enum path_kind kind)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	                            "0123456789-._~/";
	size_t base = strlen(s->host_url), n = strlen(there);
	char *url = mem_new(base + n * 3 + 2), *to = url + base;

	memcpy(url, s->host_url, base);
	for (size_t i = 0; i < n; i++) {
		if (strchr(plain, there[i])) {
			*to++ = there[i];
			continue;
		}
		(void)snprintf(to, 4, "%%%02X", (unsigned char)there[i]);
		to += 3;
	}
	if (kind == PATH_IS_DIR && n > 0 && there[n - 1] != '/')
		*to++ = '/';
	*to = '\0';
	return url;
}
