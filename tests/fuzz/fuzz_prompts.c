/*
 * The input is a pattern, NUL, what a server says to a step of the login, NUL, its prompt; the last
 * is read as a base32 secret, too. Matching ends, a demand for a new password is never given to a
 * rule, a rule that is used up answers no more; a code has its digits; what is offered is text.
 */
#include "adapters/sftp/auth_state.h"
#include "adapters/sftp/totp.h"
#include "daemon/base/mem.h"
#include "tests/fuzz/oracle.h"

/* From the front up to a NUL, which is passed over. */
static const uint8_t *take(const uint8_t **data, size_t *n, size_t *got)
{
	const uint8_t *from = *data;
	const uint8_t *end = memchr(from, 0, *n);

	*got = end ? (size_t)(end - from) : *n;
	*data += *got + (end != NULL);
	*n -= *got + (end != NULL);
	return from;
}

static void match(const char *pattern, const char *text, size_t n)
{
	const struct auth_prompt one = {.prompt = pattern, .kind = PROMPT_SECRET};
	struct prompt_rule rule = {.config = &one, .regex = regex_new(pattern)}, *found = NULL;
	const struct prompts p = {&rule, 1};
	enum prompt_verdict v;

	must((rule.regex != NULL) == (regex_check(pattern) == NULL));
	if (!rule.regex)
		return;
	v = prompts_find(&p, text, n, &found);
	must(v != PROMPT_KNOWN || (found == &rule && !prompts_is_change(text, n)));
	must((v == PROMPT_CHANGE) == prompts_is_change(text, n));
	rule.uses = 1;
	must(prompts_find(&p, text, n, &found) == (v == PROMPT_KNOWN ? PROMPT_AGAIN : v));
	regex_free(rule.regex);
}

static void code(const char *text, size_t n)
{
	unsigned char key[TOTP_KEY_MAX];
	char digits[TOTP_CODE_BYTES];
	long got = base32_decode(text, n, key, sizeof(key));
	struct totp t = {.algorithm = (enum totp_algorithm)(n % 3), .digits = 6 + (int)(n % 3)};

	must(got >= -1 && got <= (long)(n * 5 / 8));
	if (got <= 0)
		return;
	totp_code(&t, key, (size_t)got, (int64_t)n, digits);
	must(strlen(digits) == (size_t)t.digits && strspn(digits, "0123456789") == strlen(digits));
}

static void reply(const uint8_t *data, size_t n)
{
	uint8_t *copy _cleanup_free_ = (uint8_t *)mem_dup_bytes(data, n);
	struct login *l = mem_new_of(struct login);
	struct ssh s = {.login = l};

	l->by_password = true;
	auth_reply_watch(&s, copy, n);
	must(strlen(l->offered) < METHODS_ROOM && strlen(l->server_words) < AUTH_WORDS_ROOM);
	must(!l->partial || l->heard);
	for (const char *c = l->server_words; *c; c++)
		must((unsigned char)*c >= 0x20 && *c != 0x7F);
	(void)auth_is_offered(l, "password");
	free(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n;
	const uint8_t *part = take(&data, &size, &n);
	char *pattern _cleanup_free_ = mem_dup_bytes(part, n);

	if (n <= 64) /* longer ones take their bounded, but long time */
		match(pattern, (const char *)data, size < 512 ? size : 512);
	code((const char *)data, size);
	reply(data, size);
	return 0;
}
