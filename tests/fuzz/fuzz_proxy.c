/*
 * Any bytes as a proxy's answers. The first byte chooses the dialogue and whether we have a login.
 * SOCKS5 asks for so many bytes and no more; it ends within its five answers. HTTP ends within its
 * bound. A refusal has a code about the proxy and words that are visible.
 */
#include "adapters/sftp/carrier.h"
#include "adapters/sftp/http_connect.h"
#include "tests/fuzz/oracle.h"

static struct proxy_target target_of(uint8_t which)
{
	static const char *const hosts[] = {"sftp.acme.example", "10.0.0.7", "::1", "x"};

	return (struct proxy_target){
	        .host = hosts[which >> 1 & 3],
	        .port = 22,
	        .user = which & 8 ? "ferry" : NULL,
	        .password = "secret words",
	        .password_bytes = 12,
	};
}

static void check_refusal(const struct err *e)
{
	must(carrier_is_blamed(e) && e->kind < 0);
	must_be_visible(e->message, strlen(e->message), ERR_MESSAGE_BYTES);
}

static void socks5(const struct proxy_target *t, const uint8_t *data, size_t size)
{
	struct socks5 s;
	struct err e;
	int answers = 0;

	socks5_begin(&s, t);
	while (s.wants && s.wants <= size) {
		uint8_t *exact = malloc(s.wants); /* so that the sanitizer sees a byte too many */
		size_t n = s.wants;
		int r;

		must(exact && n <= SOCKS5_WANTS_MOST && ++answers <= 5);
		memcpy(exact, data, n);
		r = socks5_take(&s, exact, &e);
		free(exact);
		data += n;
		size -= n;
		must(buf_len(&s.out) <= 1024);
		if (r < 0) {
			check_refusal(&e);
			break;
		}
	}
	socks5_end(&s);
}

static void http(const struct proxy_target *t, const uint8_t *data, size_t size)
{
	struct http_reply reply = {0};
	struct buf out;
	struct err e;

	buf_init(&out, 4096);
	http_connect_request(t, &out);
	must(buf_len(&out) > 20 && memcmp(buf_data(&out) + buf_len(&out) - 4, "\r\n\r\n", 4) == 0);
	buf_release(&out);
	for (size_t i = 0; i < size; i++) {
		int r = http_connect_take(&reply, data[i], &e);

		must(i <= HTTP_REPLY_MOST && r <= 1);
		if (r < 0)
			check_refusal(&e);
		if (r)
			break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_target t;

	if (size < 1)
		return 0;
	t = target_of(data[0]);
	if (data[0] & 1)
		http(&t, data + 1, size - 1);
	else
		socks5(&t, data + 1, size - 1);
	return 0;
}
