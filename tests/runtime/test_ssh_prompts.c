/* keyboard-interactive: several prompts and rounds, one-time codes, and what is never answered. */
#include "adapters/sftp/prompts.h"

#include "adapters/brief.h"
#include "adapters/sftp/totp_steps.h"
#include "daemon/base/clock.h"
#include "tests/runtime/ssh_peers.h"

/* ---- a partner who asks -------------------------------------------------------------------- */

struct asker {
	struct partner partner;
	struct auth_prompt prompts[3];
	char secret[64];
};

/* base32 of the user's name with dots up to 20 bytes, which the server knows, too */
static void secret_of(const char *user, char out[64])
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	char bytes[21] = "....................";
	size_t used = 0;
	unsigned bits = 0;
	int held = 0;

	memcpy(bytes, user, strlen(user));
	for (int i = 0; i < 20; i++) {
		bits = bits << 8 | (unsigned char)bytes[i];
		for (held += 8; held >= 5; held -= 5)
			out[used++] = digits[bits >> (held - 5) & 31];
	}
	out[used] = '\0';
}

static void asker_init(struct asker *a, const char *user)
{
	memset(a, 0, sizeof(*a));
	partner_init(&a->partner, "prompts");
	partner_trust_any(&a->partner);
	a->partner.endpoint.user = user;
	a->partner.endpoint.auth_count = 1;
	a->partner.auth[0].kind = AUTH_KEYBOARD;
	a->partner.auth[0].prompts = a->prompts;
	secret_of(user, a->secret);
}

static struct auth_prompt *add_answer(struct asker *a, const char *prompt, const char *answer)
{
	struct auth_prompt *p = &a->prompts[a->partner.auth[0].prompt_count++];

	*p = (struct auth_prompt){.prompt = prompt,
	                          .kind = PROMPT_SECRET,
	                          .secret = {.kind = SECRET_VALUE, .text = answer}};
	return p;
}

static void add_code(struct asker *a, int64_t period_ms)
{
	struct auth_prompt *p = add_answer(a, "code", a->secret);

	p->kind = PROMPT_TOTP;
	p->digits = 6;
	p->period_ms = period_ms;
}

static void logs_in(struct asker *a)
{
	session_close(partner_opens(&a->partner));
}

/* ---- what is answered ---------------------------------------------------------------------- */

static void password_and_code(struct worker *w)
{
	struct asker a;

	(void)w;
	asker_init(&a, "both");
	add_answer(&a, "password", "pass word");
	add_code(&a, 30000);
	logs_in(&a);
}

static void test_prompts__password_and_code_in_one_round(void **state)
{
	(void)state;
	rig_run(password_and_code);
}

static void several_rounds(struct worker *w)
{
	struct asker a;

	(void)w;
	asker_init(&a, "rounds");
	add_answer(&a, "^password: $", "pass word");
	add_code(&a, 30000);
	logs_in(&a);
	asker_init(&a, "nothing");
	add_answer(&a, "password", "pass word");
	logs_in(&a);
}

static void test_prompts__rounds_also_without_a_prompt(void **state)
{
	(void)state;
	rig_run(several_rounds);
}

static void program_answers(struct worker *w)
{
	static const char *const argv[] = {"/bin/sh", "-c", "sleep 0.6; echo pass word", NULL};
	struct auth_prompt *p;
	struct pace pace;
	struct asker a;

	asker_init(&a, "again");
	p = add_answer(&a, "password", NULL);
	p->kind = PROMPT_COMMAND;
	p->secret = (struct secret_ref){.kind = SECRET_COMMAND, .argv = argv};
	pace_start(&pace, w);
	logs_in(&a);
	check(pace_stop(&pace) < 300); /* the program took longer, beside the loop */
}

static void test_prompts__a_program_answers_beside_the_loop(void **state)
{
	(void)state;
	rig_run(program_answers);
}

static void program_fails(struct worker *w)
{
	static const char *const argv[] = {"/bin/false", NULL};
	int before = peers_ask("attempts answers");
	struct auth_prompt *p;
	struct asker a;
	struct err e;

	(void)w;
	asker_init(&a, "again");
	p = add_answer(&a, "password", NULL);
	p->kind = PROMPT_COMMAND;
	p->secret = (struct secret_ref){.kind = SECRET_COMMAND, .argv = argv};
	check_code(&a.partner, &e, "SECRET-COMMAND");
	check(says(&e, "answer to a prompt"));
	check(peers_ask("attempts answers") == before);
}

static void test_prompts__nothing_is_sent_when_the_program_fails(void **state)
{
	(void)state;
	rig_run(program_fails);
}

/* ---- what is not --------------------------------------------------------------------------- */

static void unknown_prompt(struct worker *w)
{
	int before = peers_ask("attempts answers");
	struct asker a;
	struct err e;

	(void)w;
	asker_init(&a, "odd");
	add_answer(&a, "password", "pass word");
	check_code(&a.partner, &e, "SSH-AUTH-PROMPT");
	check(e.kind == ERR_AUTH && says(&e, "\"Favourite \\x1b[2Jcolour? \""));
	check(!strstr(e.message, "pass word"));
	/* a plain password does not go where it would be shown */
	partner_init(&a.partner, "prompts");
	partner_trust_any(&a.partner);
	a.partner.endpoint.user = "odd";
	partner_password(&a.partner, "pass word");
	check_code(&a.partner, &e, "SSH-AUTH-PROMPT");
	check(says(&e, "keyboard-interactive"));
	check(peers_ask("attempts answers") == before);
}

static void test_prompts__an_unknown_one_is_told_with_its_text(void **state)
{
	(void)state;
	rig_run(unknown_prompt);
}

static void password_and_more(struct worker *w)
{
	struct partner p;
	struct err e;

	(void)w;
	partner_init(&p, "prompts");
	partner_trust_any(&p);
	p.endpoint.user = "both";
	partner_password(&p, "pass word");
	check_code(&p, &e, "SSH-AUTH-PROMPT");
	check(says(&e, "Verification code") && says(&e, "more than the password"));
}

static void test_prompts__a_password_is_no_code(void **state)
{
	(void)state;
	rig_run(password_and_more);
}

static void new_password(struct worker *w)
{
	int before = peers_ask("attempts answers");
	struct asker a;
	struct err e;

	(void)w;
	asker_init(&a, "change");
	add_answer(&a, "password", "pass word"); /* would match "Enter new password: " */
	check_code(&a.partner, &e, "SSH-AUTH-EXPIRED");
	check(e.kind == ERR_AUTH && says(&e, "Enter new password") && says(&e, "by hand"));
	check(peers_ask("attempts answers") == before);
}

static void test_prompts__a_demand_for_a_new_password_is_told_not_answered(void **state)
{
	(void)state;
	rig_run(new_password);
}

static void asked_again(struct worker *w)
{
	int before = peers_ask("attempts answers");
	struct asker a;
	struct err e;

	(void)w;
	asker_init(&a, "again");
	add_answer(&a, "password", "wrong word");
	check_code(&a.partner, &e, "SSH-AUTH-REFUSED");
	check(says(&e, "asks again") && !strstr(e.message, "wrong word"));
	check(peers_ask("attempts answers") == before + 1);
}

static void test_prompts__a_refused_answer_is_sent_once(void **state)
{
	(void)state;
	rig_run(asked_again);
}

static void endless(struct worker *w)
{
	struct asker a;
	struct err e;

	(void)w;
	asker_init(&a, "endless");
	add_answer(&a, "password", "pass word");
	check_code(&a.partner, &e, "SSH-AUTH-PROMPT");
	check(e.kind == ERR_PROTOCOL && says(&e, "10 rounds"));
}

static void test_prompts__an_endless_questioner_is_left(void **state)
{
	(void)state;
	rig_run(endless);
}

static void liar(struct worker *w)
{
	struct asker a;
	struct err e;

	(void)w;
	asker_init(&a, "liar");
	add_answer(&a, "password", "pass word");
	check_code(&a.partner, &e, "SSH-PROTOCOL");
}

static void test_prompts__a_name_that_reaches_past_its_packet_is_refused(void **state)
{
	(void)state;
	rig_run(liar);
}

/* ---- one-time codes ------------------------------------------------------------------------ */

static void never_twice(struct worker *w)
{
	int codes = peers_ask("attempts codes"), doubles = peers_ask("attempts doubles");
	struct pace pace;
	struct asker a;

	asker_init(&a, "quick");
	add_code(&a, 4000);
	pace_start(&pace, w);
	logs_in(&a);
	logs_in(&a); /* waits for the next period */
	check(pace_stop(&pace) < 300);
	check(peers_ask("attempts codes") == codes + 2);
	check(peers_ask("attempts doubles") == doubles);
}

static void test_codes__are_never_sent_twice(void **state)
{
	(void)state;
	rig_run(never_twice);
}

static void other_clock(struct worker *w)
{
	int doubles = peers_ask("attempts doubles"), codes;
	struct asker a;
	struct err e;

	(void)w;
	asker_init(&a, "ahead");
	add_code(&a, 30000);
	logs_in(&a);
	asker_init(&a, "behind");
	add_code(&a, 30000);
	logs_in(&a);
	codes = peers_ask("attempts codes");
	asker_init(&a, "far");
	add_code(&a, 30000);
	check_code(&a.partner, &e, "SSH-AUTH-REFUSED");
	check(says(&e, "timedatectl"));
	check(peers_ask("attempts codes") == codes + 3);
	check(peers_ask("attempts doubles") == doubles);
}

static void test_codes__of_the_steps_beside_serve_when_clocks_differ(void **state)
{
	(void)state;
	rig_run(other_clock);
}

static void no_second_password(struct worker *w)
{
	int before = peers_ask("attempts answers");
	struct asker a;
	struct err e;

	(void)w;
	asker_init(&a, "both");
	add_answer(&a, "password", "wrong word");
	add_code(&a, 30000);
	(void)snprintf(a.secret, sizeof(a.secret), "JBSWY3DPEHPK3PXP");
	check_code(&a.partner, &e, "SSH-AUTH-REFUSED");
	check(peers_ask("attempts answers") == before + 1);
}

static void test_codes__are_not_tried_again_where_a_password_would_go_with_them(void **state)
{
	(void)state;
	rig_run(no_second_password);
}

/* As if other connections had used the codes of these steps, counted from the one of now. */
static void use_up(const struct asker *a, int64_t period_ms, int first, int last)
{
	struct prompts *p;
	struct err e;

	check(prompts_load(&a->partner.auth[0], &p, &e) == 0);
	for (int s = first; s <= last; s++)
		check(totp_steps_claim(p->rules[0].id, clock_wall_ms() / period_ms + s));
	prompts_free(p);
}

static void too_late(struct worker *w)
{
	int codes = peers_ask("attempts codes");
	struct asker a;
	struct err e;

	(void)w;
	asker_init(&a, "late");
	add_code(&a, 2000);
	a.partner.endpoint.timeouts.auth_ms = 10000;
	use_up(&a, 2000, 0, 15); /* for 30 s: also at a login that is slow to ask */
	check_code(&a.partner, &e, "SSH-AUTH-TOTP");
	check(e.kind == ERR_BUSY && says(&e, "already used by another login"));
	/* not in the next step, which is used as well */
	check(!strstr(e.message, "comes in 1 s") && !strstr(e.message, "comes in 2 s"));
	check(says(&e, "connections: 1") && brief_lines(e.message) <= BRIEF_LINES);
	check(peers_ask("attempts codes") == codes);
}

/* A period that does not end while the test runs. */
static int64_t long_period(void)
{
	int64_t period_ms = 300000;

	while (period_ms - clock_wall_ms() % period_ms < 20000)
		period_ms -= 7000;
	return period_ms;
}

static void refused_and_too_late(struct worker *w)
{
	int64_t period_ms = long_period();
	struct asker a;
	struct err e;

	(void)w;
	asker_init(&a, "far");
	add_code(&a, period_ms);
	a.partner.endpoint.timeouts.auth_ms = 5000;
	use_up(&a, period_ms, 1, 9);
	check_code(&a.partner, &e, "SSH-AUTH-TOTP");
	check(e.kind == ERR_BUSY && says(&e, "refused 1 one-time") && says(&e, "timedatectl"));
	check(!strstr(e.message, "another login") && brief_lines(e.message) <= BRIEF_LINES);
}

static void test_codes__that_were_refused_are_told_before_those_to_come(void **state)
{
	(void)state;
	rig_run(refused_and_too_late);
}

static void test_codes__that_come_too_late_are_told(void **state)
{
	(void)state;
	rig_run(too_late);
}

/* ---- while an answer is awaited ------------------------------------------------------------ */

struct waiter {
	struct asker asker;
	struct fiber *fiber;
	struct err e;
	bool has_ended;
};

static void wait_for_code(void *arg)
{
	struct waiter *x = arg;

	check(partner_fails(&x->asker.partner, &x->e) == x->e.code);
	x->has_ended = true;
}

static bool sleeps_for_code;

static void look(const struct fiber_info *f, void *arg)
{
	(void)arg;
	sleeps_for_code |= strcmp(f->label, "the next one-time code") == 0;
}

/* Its code of now is used up: it sleeps inside libssh2's callback. */
static void begin_waiting(struct worker *w, struct waiter *x)
{
	struct deadline d = deadline_in(10000);
	int64_t period_ms = long_period();
	struct err e;

	asker_init(&x->asker, "waits");
	add_code(&x->asker, period_ms);
	use_up(&x->asker, period_ms, 0, 0);
	x->has_ended = sleeps_for_code = false;
	x->fiber = fiber_start(w, "login", wait_for_code, x);
	while (!sleeps_for_code && deadline_left_ms(d) > 0) {
		check(fiber_sleep(5, "the login to wait", &e) == 0);
		fiber_each(w, look, NULL);
	}
	check(sleeps_for_code && !x->has_ended);
}

static void given_up(struct worker *w)
{
	struct waiter x;

	begin_waiting(w, &x);
	fiber_cancel(x.fiber);
	rig_await(&x.has_ended);
	check(x.e.kind == ERR_CANCELED);
}

static void test_codes__a_wait_for_one_can_be_given_up(void **state)
{
	(void)state;
	rig_run(given_up);
}

static void bad_secret(struct worker *w)
{
	struct asker a;
	struct err e;

	(void)w;
	asker_init(&a, "quick");
	add_code(&a, 30000);
	(void)snprintf(a.secret, sizeof(a.secret), "not base 32!");
	check_code(&a.partner, &e, "SECRET-BASE32");
	check(e.kind == ERR_CONFIG && !strstr(e.message, "32!"));
}

static void test_codes__need_a_secret_in_base32(void **state)
{
	(void)state;
	rig_run(bad_secret);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_prompts__password_and_code_in_one_round),
	        cmocka_unit_test(test_prompts__rounds_also_without_a_prompt),
	        cmocka_unit_test(test_prompts__a_program_answers_beside_the_loop),
	        cmocka_unit_test(test_prompts__nothing_is_sent_when_the_program_fails),
	        cmocka_unit_test(test_prompts__an_unknown_one_is_told_with_its_text),
	        cmocka_unit_test(test_prompts__a_password_is_no_code),
	        cmocka_unit_test(test_prompts__a_demand_for_a_new_password_is_told_not_answered),
	        cmocka_unit_test(test_prompts__a_refused_answer_is_sent_once),
	        cmocka_unit_test(test_prompts__an_endless_questioner_is_left),
	        cmocka_unit_test(test_prompts__a_name_that_reaches_past_its_packet_is_refused),
	        cmocka_unit_test(test_codes__are_never_sent_twice),
	        cmocka_unit_test(test_codes__of_the_steps_beside_serve_when_clocks_differ),
	        cmocka_unit_test(
	                test_codes__are_not_tried_again_where_a_password_would_go_with_them),
	        cmocka_unit_test(test_codes__that_come_too_late_are_told),
	        cmocka_unit_test(test_codes__that_were_refused_are_told_before_those_to_come),
	        cmocka_unit_test(test_codes__a_wait_for_one_can_be_given_up),
	        cmocka_unit_test(test_codes__need_a_secret_in_base32),
	};

	return peers_run("prompts", tests);
}
