/*
 * Data connections: where PASV sends us, and servers that know it only.
 */
#include <netinet/in.h>

#include "tests/runtime/ftp_rig.h"

static const struct row {
	const char *mode;
	enum ftp_pasv_address pasv_address;
	const char *code; /* NULL: the file comes */
} rows[] = {
        {"evil_pasv_only", FTP_PASV_IGNORE, NULL},
        {"evil_pasv_only", FTP_PASV_TRUST, NULL},
        {"evil_pasv_foreign", FTP_PASV_IGNORE, NULL},
        {"evil_pasv_foreign", FTP_PASV_TRUST, "FTP-DATA-REFUSED"},
        {"evil_pasv_elsewhere", FTP_PASV_IGNORE, "FTP-DATA-REFUSED"},
        {"evil_pasv_elsewhere", FTP_PASV_TRUST, NULL},
};

static void check_row(const struct row *row)
{
	struct partner p;
	struct connection *c;
	struct err e;

	partner_of(&p, row->mode);
	p.endpoint.ftp.data.pasv_address = row->pasv_address;
	c = opens(&p);
	if (row->code) {
		must_fail(get_a(c, 0, &e), &e, row->code);
	} else {
		must(get_a(c, 0, &e), &e);
		must(get_a(c, 0, &e), &e);
	}
	adapter_ftps.close(c);
}

static void body_pasv(struct worker *w)
{
	(void)w;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i]);
}

static void test_ftps_data__pasv_addresses_are_followed_only_when_trusted(void **state)
{
	(void)state;
	rig_run(body_pasv);
}

static void be_active(struct partner *p, const char *name, const char *address)
{
	partner_of(p, name);
	p->endpoint.ftp.data = (struct ftp_data){
	        .mode = FTP_ACTIVE, .address = address, .first_port = 43000, .last_port = 43100};
}

static void body_active(struct worker *w)
{
	static const char *const fine[] = {"evil_good", "evil_active_port"};
	struct partner p;
	struct connection *c;
	struct err e;

	(void)w;
	for (size_t i = 0; i < 2; i++) {
		be_active(&p, fine[i], i ? "127.0.0.1" : NULL);
		c = opens(&p);
		must(get_a(c, 0, &e), &e);
		must(get_a(c, 0, &e), &e);
		adapter_ftps.close(c);
	}
	be_active(&p, "evil_active_silence", NULL);
	p.endpoint.timeouts.request_ms = 800;
	c = opens(&p);
	must_fail(get_a(c, 0, &e), &e, "FTP-DATA-TIMEOUT");
	check(strstr(e.message, "active mode"));
	adapter_ftps.close(c);
}

/* Which wait was too long is told as in passive mode. */
static void body_late(struct worker *w)
{
	static const struct {
		const char *mode, *code;
	} late[] = {{"evil_stall_data", "FTP-STALLED"}, {"evil_never_226", "FTP-NO-CONFIRMATION"}};
	struct connection *c;
	struct partner p;
	struct err e;

	(void)w;
	for (size_t i = 0; i < 2; i++) {
		be_active(&p, late[i].mode, NULL);
		p.endpoint.timeouts.stall_ms = 1500;
		c = opens(&p);
		must_fail(get_a(c, 0, &e), &e, late[i].code);
		adapter_ftps.close(c);
	}
}

static void test_ftps_data__active_mode_tells_what_it_waited_for(void **state)
{
	(void)state;
	rig_run(body_late);
}

/* The only port of the range is somebody else's. */
static void body_taken(struct worker *w)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t n = sizeof(in);
	struct connection *c;
	struct partner p;
	struct err e;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)w;
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(fd >= 0 && bind(fd, (struct sockaddr *)&in, sizeof(in)) == 0 && listen(fd, 1) == 0);
	check(getsockname(fd, (struct sockaddr *)&in, &n) == 0);
	be_active(&p, "evil_good", NULL);
	p.endpoint.ftp.data.first_port = p.endpoint.ftp.data.last_port = ntohs(in.sin_port);
	c = opens(&p);
	must_fail(get_a(c, 0, &e), &e, "FTP-ACTIVE-PORT");
	check(strstr(e.message, "data.ports"));
	adapter_ftps.close(c);
	(void)close(fd);
}

static void test_ftps_data__a_range_without_a_free_port_is_told(void **state)
{
	(void)state;
	rig_run(body_taken);
}

static void test_ftps_data__active_mode_names_our_address_and_ports(void **state)
{
	(void)state;
	rig_run(body_active);
}

/* libcurl closes the socket of a connection attempt that failed, and one that it has accepted,
 * without a word. The descriptor's number is anybody's then. */
static void check_leaves_others_alone(struct partner *p)
{
	struct connection *c = opens(p);
	int pairs[8][2];
	char byte = 'x';
	struct err e;

	must(get_a(c, 0, &e), &e);
	for (size_t i = 0; i < 8; i++)
		check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pairs[i]) == 0);
	adapter_ftps.abort(c);
	adapter_ftps.close(c);
	for (size_t i = 0; i < 8; i++) {
		check(send(pairs[i][0], &byte, 1, MSG_NOSIGNAL) == 1);
		check(recv(pairs[i][1], &byte, 1, MSG_DONTWAIT) == 1);
		(void)close(pairs[i][0]);
		(void)close(pairs[i][1]);
	}
}

static void body_others(struct worker *w)
{
	struct partner p;

	(void)w;
	partner_of(&p, "evil_pasv_second");
	check_leaves_others_alone(&p);
	be_active(&p, "evil_good", NULL);
	check_leaves_others_alone(&p);
}

static void test_ftps_data__an_abort_shuts_down_no_socket_but_its_own(void **state)
{
	(void)state;
	rig_run(body_others);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_ftps_data__pasv_addresses_are_followed_only_when_trusted),
	        cmocka_unit_test(test_ftps_data__active_mode_names_our_address_and_ports),
	        cmocka_unit_test(test_ftps_data__active_mode_tells_what_it_waited_for),
	        cmocka_unit_test(test_ftps_data__a_range_without_a_free_port_is_told),
	        cmocka_unit_test(test_ftps_data__an_abort_shuts_down_no_socket_but_its_own),
	};

	return peers_run("evil", tests);
}
