#include "adapters/sftp/http_connect.h"

#include <string.h>

#include "adapters/sftp/key_blob.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"

/* ---- the request --------------------------------------------------------------------------- */

/* RFC 7617 §2: user, colon, password, in base64. */
static void put_login(const struct proxy_target *t, struct buf *out)
{
	size_t n = strlen(t->user) + 1 + t->password_bytes;
	char *plain = mem_new(n + 1), *text;

	memcpy(plain, t->user, strlen(t->user));
	plain[strlen(t->user)] = ':';
	if (t->password_bytes)
		memcpy(plain + strlen(t->user) + 1, t->password, t->password_bytes);
	text = base64_text(plain, n);
	(void)buf_printf(out, "Proxy-Authorization: Basic %s\r\n", text);
	explicit_bzero(plain, n);
	explicit_bzero(text, strlen(text));
	free(plain);
	free(text);
}

void http_connect_request(const struct proxy_target *t, struct buf *out)
{
	bool is_v6 = strchr(t->host, ':') != NULL;
	const char *open = is_v6 ? "[" : "", *close = is_v6 ? "]" : "";

	(void)buf_printf(out, "CONNECT %s%s%s:%d HTTP/1.1\r\nHost: %s%s%s:%d\r\n", open, t->host,
	                 close, t->port, open, t->host, close, t->port);
	if (t->user)
		put_login(t, out);
	(void)buf_add_text(out, "\r\n");
}

/* ---- the reply ----------------------------------------------------------------------------- */

static int no_http(const struct http_reply *r, struct err *e)
{
	char shown[64];

	return err_set(e, ERR_PROTOCOL, "PROXY-PROTOCOL", 0,
	               "what answers is no HTTP proxy (\"%s\"); correct host and port, or try "
	               "proxy: {socks5: ...}",
	               escape(r->line, r->line_bytes, shown, sizeof(shown)));
}

/* "HTTP/1.1 200 words": the number, 0 for anything else. */
static int status_of(const struct http_reply *r)
{
	const char *p = r->line;

	if (r->line_bytes < 12 || memcmp(p, "HTTP/1.", 7) != 0 || p[8] != ' ')
		return 0;
	for (int i = 9; i < 12; i++)
		if (p[i] < '0' || p[i] > '9')
			return 0;
	return (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
}

static int refused(const struct http_reply *r, int status, struct err *e)
{
	char shown[HTTP_STATUS_LINE];

	(void)escape(r->line, r->line_bytes, shown, sizeof(shown));
	if (status == 407)
		return err_set(e, ERR_AUTH, "PROXY-AUTH", status,
		               "the proxy wants another login (\"%s\"); set user and password of "
		               "proxy (only Basic is spoken)",
		               shown);
	if (status >= 500)
		return err_set(e, ERR_NETWORK, "PROXY-UNREACHABLE", status,
		               "it does not reach the server: \"%s\"", shown);
	return err_set(e, ERR_CONFIG, "PROXY-REFUSED", status,
	               "it does not connect us: \"%s\". Many proxies allow port 443 only: ask its "
	               "operator to allow this host and port",
	               shown);
}

static int judge(const struct http_reply *r, struct err *e)
{
	int status = status_of(r);

	if (status < 100)
		return no_http(r, e);
	return status >= 200 && status < 300 ? 1 : refused(r, status, e);
}

/* The line tells early that this is no HTTP: no need to wait for an end that will not come. */
static bool is_hopeless(const struct http_reply *r)
{
	size_t n = r->line_bytes < 7 ? r->line_bytes : 7;

	return memcmp(r->line, "HTTP/1.", n) != 0;
}

int http_connect_take(struct http_reply *r, unsigned char byte, struct err *e)
{
	if (++r->bytes > HTTP_REPLY_MOST)
		return err_set(e, ERR_PROTOCOL, "PROXY-PROTOCOL", 0,
		               "the proxy's reply has no end within %d bytes", HTTP_REPLY_MOST);
	if (byte == '\r')
		return 0;
	if (byte == '\n') {
		bool is_end = r->line_ended && r->blank;

		r->line_ended = true;
		r->blank = true;
		return is_end ? judge(r, e) : 0;
	}
	r->blank = false;
	if (!r->line_ended && r->line_bytes < sizeof(r->line))
		r->line[r->line_bytes++] = (char)byte;
	return !r->line_ended && is_hopeless(r) ? no_http(r, e) : 0;
}
