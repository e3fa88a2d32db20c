#include "adapters/sftp/words.h"

#include <string.h>

#include "adapters/sftp/ssh_memory.h"
#include "adapters/trace_step.h"
#include "daemon/base/escape.h"

enum { MSG_USERAUTH_BANNER = 53, BANNER_MOST = 4096, LINE_MOST = 1000 };

/* ---- libssh2's own trace ------------------------------------------------------------------- */

static const unsigned native_bits = TRACE_KEX | TRACE_AUTH | TRACE_CONNECTION | TRACE_SCP |
                                    TRACE_SFTP | TRACE_ERROR | TRACE_PUBLICKEY | TRACE_SOCKET;

/* Its lines begin with "[libssh2] 0.012345 Kex: ". */
static unsigned bit_of(const char *text, size_t n)
{
	static const struct {
		const char *word;
		unsigned bit;
	} words[] = {
	        {" Key Ex: ", TRACE_KEX},          {" Userauth: ", TRACE_AUTH},
	        {" Conn: ", TRACE_CONNECTION},     {" SCP: ", TRACE_SCP},
	        {" SFTP: ", TRACE_SFTP},           {" Failure Event: ", TRACE_ERROR},
	        {" Publickey: ", TRACE_PUBLICKEY}, {" Socket: ", TRACE_SOCKET},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (memmem(text, n, words[i].word, strlen(words[i].word)))
			return words[i].bit;
	return 0;
}

static void on_trace(LIBSSH2_SESSION *lib, void *arg, const char *text, size_t n)
{
	struct ssh *s = arg;
	char line[ESCAPE_ROOM];
	unsigned bit = bit_of(text, n < 64 ? n : 64);

	(void)lib;
	while (n && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	/* a line of no known kind, a packet's dump for one, is not for a file */
	if (bit)
		TRACE(s->trace, bit, "%s",
		      escape(text, n < LINE_MOST ? n : LINE_MOST, line, sizeof(line)));
}

void words_listen(struct ssh *s)
{
	unsigned wanted = 0;

	for (unsigned bit = TRACE_TRANSPORT; bit <= TRACE_SOCKET; bit <<= 1)
		if ((native_bits & bit) && trace_wants(s->trace, bit))
			wanted |= bit;
	(void)libssh2_trace_sethandler(s->lib, s, on_trace);
	(void)libssh2_trace(s->lib, (int)wanted);
}

/* ---- the issue banner ---------------------------------------------------------------------- */

#if LIBSSH2_VERSION_NUM >= 0x010b00
static const char *find_banner(struct ssh *s, size_t *n)
{
	char *banner = NULL;

	if (libssh2_userauth_banner(s->lib, &banner) != 0 || !banner)
		return NULL;
	*n = strlen(banner);
	return banner;
}
#else
/* byte 53, string message, string language tag */
static const char *find_banner(struct ssh *s, size_t *n)
{
	size_t bytes;
	const unsigned char *p = ssh_memory_packet(s, MSG_USERAUTH_BANNER, &bytes);

	if (!p)
		return NULL;
	*n = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
	return (const char *)p + 5;
}
#endif

static void each_line(struct ssh *s, const char *text, size_t n)
{
	char shown[ESCAPE_ROOM];

	while (n) {
		const char *end = memchr(text, '\n', n);
		size_t line = end ? (size_t)(end - text) : n, kept = line;

		while (kept && text[kept - 1] == '\r')
			kept--;
		TRACE(s->trace, TRACE_AUTH, "server's banner: %s",
		      escape(text, kept, shown, sizeof(shown)));
		line += end != NULL;
		text += line;
		n -= line;
	}
}

void words_banner(struct ssh *s)
{
	char shown[ESCAPE_ROOM];
	size_t n = 0;
	const char *text = find_banner(s, &n);

	if (!text)
		return;
	if (n > BANNER_MOST)
		n = BANNER_MOST;
	each_line(s, text, n);
	trace_fact(s->trace, "banner", "%s", escape(text, n, shown, sizeof(shown)));
}
