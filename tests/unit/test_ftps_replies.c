/* What servers say when they refuse, and what ferryd takes it for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapters/ftps/errors.h"

static void test_ftps_replies__have_a_meaning(void **state)
{
	static const struct {
		int code;
		const char *words, *want;
	} replies[] = {
	        {550, "550 x: No such file or directory", "OBJ-MISSING"},
	        {450, "450 x: No such file or directory", "OBJ-MISSING"},
	        {550, "550 The system cannot find the file specified.", "OBJ-MISSING"},
	        {550, "550 x: Permission denied", "OBJ-DENIED"},
	        {550, "550 Access is denied.", "OBJ-DENIED"},
	        {550, "550 x: Read-only file system", "OBJ-DENIED"},
	        {550, "550 x: Not a directory", "OBJ-NOT-DIR"},
	        {550, "550 x: File exists", "OBJ-EXISTS"},
	        {552, "552 whatever", "OBJ-NO-SPACE"},
	        {451, "451 No space left on device", "OBJ-NO-SPACE"},
	        {553, "553 Could not create file.", "OBJ-DENIED"},
	        {502, "502 Command not implemented.", "FTP-UNSUPPORTED"},
	        {450, "450 busy", "FTP-BUSY"},
	        {550, "550 Failed.", "OBJ-FAILED"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++)
		assert_string_equal(ftps_reply_meaning(replies[i].code, replies[i].words).code,
		                    replies[i].want);
}

/* What servers say to one client too many, and to one with a wrong password. */
static void test_ftps_replies__to_logins_have_a_meaning(void **state)
{
	static const struct {
		const char *verb;
		int code;
		const char *words, *want;
	} replies[] = {
	        {"", 421, "421 There are too many connected users, please try later.",
	         "FTP-TOO-MANY"},
	        {"", 421, "421 There are too many connections from your internet address.",
	         "FTP-TOO-MANY"},
	        {"", 421, "421 Too many connections (5) from this IP", "FTP-TOO-MANY"},
	        {"PASS", 421, "421 I can't accept more than 2 connections as the same user",
	         "FTP-TOO-MANY"},
	        {"PASS", 530, "530 Sorry, the maximum number of clients (1) for this user",
	         "FTP-TOO-MANY"},
	        {"PASS", 530, "530 Sorry, the maximum number clients (2) from your host",
	         "FTP-TOO-MANY"},
	        {"PASS", 530, "530 Too many users logged in for this account", "FTP-TOO-MANY"},
	        {"USER", 530, "530 Sorry, you are already connected.", "FTP-TOO-MANY"},
	        {"PASS", 530, "530 Only 2 simultaneous logins are allowed", "FTP-TOO-MANY"},
	        {"PASS", 530, "530 User cannot log in.", "FTP-LOGIN-REFUSED"},
	        {"PASS", 530, "530 Login incorrect.", "FTP-LOGIN-REFUSED"},
	        {"PASS", 530, "530 Too many login failures", "FTP-LOGIN-REFUSED"},
	        {"PASS", 421, "421 Maximum login attempts exceeded", "FTP-LOGIN-REFUSED"},
	        {"PASS", 430, "430 Invalid username or password", "FTP-LOGIN-REFUSED"},
	        {"PASS", 332, "332 Need account for login.", "FTP-ACCOUNT-WANTED"},
	        {"ACCT", 530, "530 No such account.", "FTP-LOGIN-REFUSED"},
	        {"PASS", 450, "450 Server is going down", "FTP-BUSY"},
	        {"", 421, "421 Too many failed logins from your address", "FTP-GREETING-REFUSED"},
	        {"", 530, "530 Connection refused, unknown IP address.", "FTP-GREETING-REFUSED"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++)
		assert_string_equal(
		        ftps_login_meaning(replies[i].verb, replies[i].code, replies[i].words).code,
		        replies[i].want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_ftps_replies__have_a_meaning),
	        cmocka_unit_test(test_ftps_replies__to_logins_have_a_meaning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
