#include "adapters/sftp/prompts.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/sftp/totp.h"
#include "daemon/base/digest.h"
#include "daemon/base/mem.h"

/* ---- reading ------------------------------------------------------------------------------- */

static void name_secret(struct prompt_rule *r)
{
	unsigned char sum[DIGEST_BYTES];
	struct digest d;

	digest_init(&d);
	digest_update(&d, "ferryd totp", 11);
	digest_update(&d, r->secret.bytes, r->secret.len);
	digest_final(&d, sum);
	memcpy(r->id, sum, sizeof(r->id));
	OPENSSL_cleanse(sum, sizeof(sum));
}

/* In place: base32 is longer than what it stands for. */
static int decode_secret(struct prompt_rule *r, struct err *e)
{
	size_t before = r->secret.len;
	long n = base32_decode(r->secret.bytes, before, (unsigned char *)r->secret.bytes,
	                       before < TOTP_KEY_MAX ? before : TOTP_KEY_MAX);

	if (n <= 0)
		return err_set(e, ERR_CONFIG, "SECRET-BASE32", 0,
		               "the secret of the one-time codes is not base32 (letters A to Z and "
		               "digits 2 to 7): take the text that stands below the QR code, or "
		               "behind secret= in an otpauth: link");
	OPENSSL_cleanse(r->secret.bytes + n, before - (size_t)n);
	r->secret.len = (size_t)n;
	name_secret(r);
	return 0;
}

static int load_rule(struct prompt_rule *r, const struct auth_prompt *config, struct err *e)
{
	r->config = config;
	r->regex = regex_new(config->prompt);
	if (!r->regex)
		return err_set(e, ERR_CONFIG, "SSH-AUTH-PROMPT", 0, "prompt: %s",
		               regex_check(config->prompt) ?: "cannot be used");
	if (config->kind == PROMPT_COMMAND)
		return 0; /* asked when the server asks */
	if (secret_read(&config->secret, &r->secret, e) < 0)
		return e->kind;
	return config->kind == PROMPT_TOTP ? decode_secret(r, e) : 0;
}

int prompts_load(const struct auth_method *method, struct prompts **out, struct err *e)
{
	struct prompts *p = mem_new_of(struct prompts);

	p->count = method->prompt_count;
	p->rules = mem_new_array(p->count, sizeof(*p->rules));
	for (size_t i = 0; i < p->count; i++) {
		if (load_rule(&p->rules[i], &method->prompts[i], e) == 0)
			continue;
		prompts_free(p);
		return err_wrap(e, "answer %zu of keyboard-interactive", i + 1);
	}
	*out = p;
	return 0;
}

void prompts_free(struct prompts *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->count; i++) {
		regex_free(p->rules[i].regex);
		secret_wipe(&p->rules[i].secret);
	}
	free(p->rules);
	free(p);
}

/* ---- matching ------------------------------------------------------------------------------ */

static bool holds(const char *text, size_t n, const char *lower)
{
	size_t len = strlen(lower);

	for (size_t i = 0; i + len <= n; i++) {
		size_t k = 0;

		while (k < len && tolower((unsigned char)text[i + k]) == lower[k])
			k++;
		if (k == len)
			return true;
	}
	return false;
}

/* As PAM, OpenSSH, Windows servers and the commercial ones word it. */
bool prompts_is_change(const char *text, size_t n)
{
	static const char *const signs[] = {
	        "new password",
	        "new unix password",
	        "retype",
	        "re-enter",
	        "(current) unix",
	        "current password:",
	        "old password",
	        "change your password",
	        "password has expired",
	        "password is expired",
	        "password expired",
	        "must change password",
	        "must be changed",
	        "change password",
	        "choose a new",
	};

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (holds(text, n, signs[i]))
			return true;
	return false;
}

static bool is_used_up(const struct prompt_rule *r)
{
	return r->uses >= (r->config->kind == PROMPT_TOTP ? PROMPT_CODES_MAX : 1);
}

enum prompt_verdict prompts_find(const struct prompts *p, const char *text, size_t n,
                                 struct prompt_rule **rule)
{
	enum prompt_verdict otherwise = PROMPT_UNKNOWN;

	if (prompts_is_change(text, n))
		return PROMPT_CHANGE;
	for (size_t i = 0; i < p->count; i++) {
		struct prompt_rule *r = &p->rules[i];
		enum regex_result found = regex_find(r->regex, text, n);

		if (found == REGEX_NOT_FOUND)
			continue;
		*rule = r;
		if (found == REGEX_GIVEN_UP)
			return PROMPT_GIVEN_UP;
		if (!is_used_up(r))
			return PROMPT_KNOWN;
		otherwise = PROMPT_AGAIN;
	}
	return otherwise;
}
