/*
 * What the configuration refers to must be there, and be what it is taken for. Whoever runs the
 * check should be the user of the service; root sees every file, so as root only existence and
 * modes are judged.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/load.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"
#include "daemon/base/text.h"

enum { SHELL_WORD_BYTES = 1200, CERTIFICATE_BYTES = 256 * 1024 };

/* The path as one word for a shell: an operator pastes what we print. */
static const char *shell_word(const char *path, char out[SHELL_WORD_BYTES])
{
	struct escaped tmp;
	bool plain = strspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	                          "0123456789._-/+@:,") == strlen(path);

	(void)snprintf(out, SHELL_WORD_BYTES, plain ? "%s" : "'%s'", escape_name(path, &tmp));
	return out;
}

static const char *why(int number, char out[128])
{
	return strerror_r(number, out, 128);
}

static void tell_unreadable(struct loader *l, const struct node *n, const char *path, int number,
                            const char *cure)
{
	char words[128], word[SHELL_WORD_BYTES];

	if (number == EACCES)
		node_error(l->problems, n, "%s cannot be read by this user (uid %u): %s",
		           shell_word(path, word), (unsigned)geteuid(), why(number, words));
	else
		node_error(l->problems, n, "%s cannot be read: %s%s%s", shell_word(path, word),
		           why(number, words), number == ENOENT && cure ? "; " : "",
		           number == ENOENT && cure ? cure : "");
}

/* A descriptor of a regular file, or -1: told, unless the disk is ignored. Never blocks on a fifo. */
static int open_regular(struct loader *l, const struct node *n, const char *path, const char *cure)
{
	char word[SHELL_WORD_BYTES];
	struct stat st;
	int fd;

	if (l->disk == DISK_IGNORE)
		return -1;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) {
		tell_unreadable(l, n, path, errno, cure);
		return -1;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		node_error(l->problems, n, "%s is not a regular file", shell_word(path, word));
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* Whether only its owner can read it, and the owner is root or us. */
static void check_private(struct loader *l, const struct node *n, const char *path, int fd)
{
	char word[SHELL_WORD_BYTES];
	struct stat st;

	if (fstat(fd, &st) < 0)
		return;
	(void)shell_word(path, word);
	if (st.st_mode & 077)
		node_error(l->problems, n, "%s can be read by others (mode %04o): chmod 600 %s",
		           word, (unsigned)st.st_mode & 07777, word);
	else if (geteuid() && st.st_uid && st.st_uid != geteuid())
		node_error(l->problems, n,
		           "%s belongs to another user (uid %u): chown it to the "
		           "service's user",
		           word, (unsigned)st.st_uid);
}

/* ---- keys and secrets ---------------------------------------------------------------------- */

/* The two files that are taken for a private key most often. */
static void check_key_content(struct loader *l, const struct node *n, const char *path, int fd)
{
	char head[33] = "", word[SHELL_WORD_BYTES];
	ssize_t got = read(fd, head, sizeof(head) - 1);

	if (got <= 0) {
		node_error(l->problems, n, "%s is empty", shell_word(path, word));
		return;
	}
	if (text_starts(head, "ssh-") || text_starts(head, "ecdsa-sha2-"))
		node_error(l->problems, n,
		           "%s is the public half of a key: name the private one, "
		           "usually without .pub",
		           shell_word(path, word));
	else if (text_starts(head, "PuTTY-User-Key-File"))
		node_error(l->problems, n,
		           "%s has PuTTY's format: puttygen %s -O private-openssh "
		           "-o NEW converts it",
		           shell_word(path, word), word);
}

void files_check_key(struct loader *l, const struct node *n, const char *path)
{
	char cure[SHELL_WORD_BYTES + 64], word[SHELL_WORD_BYTES];
	int fd;

	(void)snprintf(cure, sizeof(cure), "ssh-keygen -t ed25519 -f %s makes a new pair",
	               shell_word(path, word));
	fd = open_regular(l, n, path, cure);
	if (fd < 0)
		return;
	check_private(l, n, path, fd);
	check_key_content(l, n, path, fd);
	(void)close(fd); /* was only read */
}

void files_check_user_certificate(struct loader *l, const struct node *n, const char *path)
{
	char head[65] = "", word[SHELL_WORD_BYTES];
	ssize_t got;
	int fd;

	fd = open_regular(l, n, path, NULL);
	if (fd < 0)
		return;
	got = read(fd, head, sizeof(head) - 1);
	if (got <= 0 || !strstr(head, "-cert-v01@openssh.com "))
		node_error(l->problems, n,
		           "%s is no OpenSSH certificate: ssh-keygen -L -f %s tells what it is",
		           shell_word(path, word), word);
	(void)close(fd); /* was only read */
}

void files_check_known_hosts(struct loader *l, const struct node *n, const char *path,
                             const struct endpoint_config *e)
{
	char cure[3 * SHELL_WORD_BYTES], word[SHELL_WORD_BYTES];
	int fd;

	(void)snprintf(cure, sizeof(cure),
	               "ssh-keyscan -p %d %s >> %s makes it; then compare ssh-keygen -lf %s with "
	               "the fingerprint the partner names",
	               e->port, e->host ? e->host : "HOST", shell_word(path, word), word);
	fd = open_regular(l, n, path, cure);
	if (fd >= 0)
		(void)close(fd); /* was only looked at */
}

void files_check_revoked(struct loader *l, const struct node *n, const char *path)
{
	char head[8] = "", word[SHELL_WORD_BYTES];
	int fd;

	fd = open_regular(l, n, path, "an empty file is a good beginning");
	if (fd < 0)
		return;
	if (read(fd, head, 6) == 6 && memcmp(head, "SSHKRL", 6) == 0)
		node_error(l->problems, n,
		           "%s is a binary revocation list (KRL), which ferryd does not read: "
		           "list the public keys, one a line",
		           shell_word(path, word));
	(void)close(fd); /* was only looked at */
}

static void check_credential(struct loader *l, const struct node *n, const char *name)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	char path[4096];

	if (!dir || snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return; /* not started by systemd: a check by hand cannot know */
	if (access(path, R_OK) != 0)
		node_warn(l->problems, n,
		          "the service has no credential %s: add LoadCredential=%s:"
		          "PATH to its unit (systemctl edit ferryd) and restart it",
		          name, name);
}

static void check_secret_file(struct loader *l, const struct node *n, const char *path)
{
	int fd = open_regular(l, n, path, NULL);

	if (fd < 0)
		return;
	check_private(l, n, path, fd);
	(void)close(fd); /* was only looked at */
}

void files_check_secret(struct loader *l, const struct node *n, const struct secret_ref *s)
{
	struct escaped tmp;

	if (l->disk == DISK_IGNORE || (s->kind == SECRET_COMMAND ? !s->argv : !s->text))
		return;
	if (s->kind == SECRET_FILE)
		check_secret_file(l, node_get(n, "file"), s->text);
	else if (s->kind == SECRET_CREDENTIAL)
		check_credential(l, n, s->text);
	else if (s->kind == SECRET_ENV && !getenv(s->text))
		node_warn(l->problems, n, "the environment has no variable %s",
		          escape_name(s->text, &tmp));
	else if (s->kind == SECRET_COMMAND && *s->argv[0] == '/' && access(s->argv[0], X_OK) != 0)
		node_error(l->problems, n, "command: %s cannot be run: %s",
		           escape_name(s->argv[0], &tmp), strerrordesc_np(errno));
}

/* ---- certificates -------------------------------------------------------------------------- */

/* The first part of a file as text, "" when it cannot be read; NULL when it is not opened. */
static char *open_pem(struct loader *l, const struct node *n, const char *path, int *fd)
{
	char *text;
	ssize_t got;

	*fd = open_regular(l, n, path, NULL);
	if (*fd < 0)
		return NULL;
	text = mem_new(CERTIFICATE_BYTES + 1);
	got = read(*fd, text, CERTIFICATE_BYTES);
	text[got > 0 ? got : 0] = 0;
	return text;
}

static void close_pem(char *text, int fd)
{
	explicit_bzero(text, CERTIFICATE_BYTES); /* it may be a private key */
	free(text);
	(void)close(fd); /* was only read */
}

/* Whether it is what its key says; DER is what it is taken for most often. */
static void check_pem(struct loader *l, const struct node *n, const char *path, const char *text)
{
	char word[SHELL_WORD_BYTES];

	(void)shell_word(path, word);
	if (strstr(text, "-----BEGIN CERTIFICATE-----") ||
	    strstr(text, "-----BEGIN TRUSTED CERTIFICATE-----"))
		return;
	if (*text == 0x30)
		node_error(l->problems, n,
		           "%s is in DER format: openssl x509 -inform der -in %s -out NEW "
		           "converts it",
		           word, word);
	else
		node_error(l->problems, n, "%s holds no certificate (\"-----BEGIN CERTIFICATE\")",
		           word);
}

/* "5ed36f99.0" is a link that openssl rehash makes; without any the directory is not looked into.
 */
static bool is_rehashed(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	bool found = false;

	while (d && !found && (entry = readdir(d)))
		found = strspn(entry->d_name, "0123456789abcdef") == 8 && entry->d_name[8] == '.';
	if (d)
		(void)closedir(d); /* was only read */
	return found;
}

void files_check_ca(struct loader *l, const struct node *n, const char *path)
{
	char word[SHELL_WORD_BYTES];
	struct stat st;
	char *text;
	int fd;

	if (l->disk == DISK_IGNORE)
		return;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		if (!is_rehashed(path))
			node_error(l->problems, n,
			           "no certificate can be found in the directory by its hash: "
			           "openssl rehash %s",
			           shell_word(path, word));
		return;
	}
	text = open_pem(l, n, path, &fd);
	if (!text)
		return;
	check_pem(l, n, path, text);
	close_pem(text, fd);
}

void files_check_certificate(struct loader *l, const struct node *n, const struct tls_settings *t)
{
	bool has_key;
	int fd;
	char *text = open_pem(l, n, t->certificate, &fd);

	if (!text)
		return;
	has_key = strstr(text, "PRIVATE KEY-----") != NULL;
	check_pem(l, n, t->certificate, text);
	if (has_key)
		check_private(l, n, t->certificate, fd);
	else if (!t->key)
		node_error(l->problems, n, "the file holds no private key: add key: PATH");
	close_pem(text, fd);
}

void files_check_tls_key(struct loader *l, const struct node *n, const char *path)
{
	char word[SHELL_WORD_BYTES];
	int fd;
	char *text = open_pem(l, n, path, &fd);

	if (!text)
		return;
	check_private(l, n, path, fd);
	if (!strstr(text, "PRIVATE KEY-----"))
		node_error(l->problems, n, "%s holds no private key in PEM format",
		           shell_word(path, word));
	close_pem(text, fd);
}

/* ---- directories --------------------------------------------------------------------------- */

static void tell_missing_dir(struct loader *l, const struct node *n, const char *dir, int number)
{
	char words[128], word[SHELL_WORD_BYTES];

	(void)shell_word(dir, word);
	if (number == ENOENT)
		node_error(l->problems, n,
		           "the directory does not exist: mkdir -p %s && chown "
		           "ferryd: %s",
		           word, word);
	else if (number == ENOTDIR)
		node_error(l->problems, n, "%s is not a directory", word);
	else
		node_error(l->problems, n, "%s cannot be reached by this user (uid %u): %s", word,
		           (unsigned)geteuid(), why(number, words));
}

void files_check_dir(struct loader *l, const struct node *n, const char *dir, enum dir_use use)
{
	static const struct {
		int mode;
		const char *words;
	} needs[] = {
	        [DIR_READ] = {R_OK | X_OK, "read"},
	        [DIR_READ_AND_CHANGE] = {R_OK | W_OK | X_OK, "read and write"},
	        [DIR_WRITE] = {W_OK | X_OK, "write"},
	};
	char word[SHELL_WORD_BYTES];
	struct stat st;

	if (l->disk == DISK_IGNORE)
		return;
	if (stat(dir, &st) < 0)
		tell_missing_dir(l, n, dir, errno);
	else if (!S_ISDIR(st.st_mode))
		tell_missing_dir(l, n, dir, ENOTDIR);
	else if (faccessat(AT_FDCWD, dir, needs[use].mode, AT_EACCESS) != 0)
		node_error(l->problems, n, "this user (uid %u) may not %s in %s: %s",
		           (unsigned)geteuid(), needs[use].words, shell_word(dir, word),
		           strerrordesc_np(errno));
}
