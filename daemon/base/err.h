/*
 * One value type for every failure.
 *
 * A fallible function returns 0 or a negative kind and takes `struct err *` last. On success the
 * err is untouched; on failure no output is. Each layer adds its own noun in front with err_wrap()
 * and nobody repeats what the callee said:
 *
 *	if (fd < 0)
 *		return err_errno(e, ERR_LOCAL, "LOCAL-OPEN", "open %s", path);
 *	...
 *	r = get_file(c, e);
 *	if (r < 0)
 *		return err_wrap(e, "fetch %s", name);
 *
 * kind    what the scheduler does with it (retry, stop the endpoint, hold the file)
 * code    stable, for machines and `ferryctl`; a string literal, never freed
 * native  the library's own number (errno, SFTP status, libssh2 rc), 0 where there is none
 * message for the operator, outermost context first, escaped, one line
 */
#pragma once
#include <stdarg.h>

/*	 name      number retry?           what it means */
#define ERR_KINDS(X)                                                                              \
	X(NETWORK, -1, RETRY_YES)   /* peer unreachable, connection lost, timed out */            \
	X(BUSY, -2, RETRY_YES)	    /* peer or machine says: not now (limits, full disk) */       \
	X(AUTH, -3, RETRY_NO)	    /* credentials refused: endpoint stops */                     \
	X(TRUST, -4, RETRY_NO)	    /* host key not trusted: endpoint stops */                    \
	X(OBJECT, -5, RETRY_LIMITED) /* this file or directory: missing, refused, exists */       \
	X(POLICY, -6, RETRY_NO)	    /* our own rule refuses it (name gate, limits) */             \
	X(INTEGRITY, -7, RETRY_YES) /* bytes differ from what was announced */                    \
	X(LOCAL, -8, RETRY_YES)	    /* this machine: disk, descriptors, permissions */            \
	X(CONFIG, -9, RETRY_NO)	    /* the configuration must change */                           \
	X(PROTOCOL, -10, RETRY_YES) /* peer breaks the protocol: connection is dropped */         \
	X(CANCELED, -11, RETRY_YES) /* we stopped it ourselves */                                 \
	X(BUG, -12, RETRY_NO)	    /* our own mistake */

enum err_retry { RETRY_YES, RETRY_LIMITED, RETRY_NO };

enum err_kind {
#define ERR_ENUM(name, number, retry) ERR_##name = number,
	ERR_KINDS(ERR_ENUM)
#undef ERR_ENUM
};

enum { ERR_MESSAGE_BYTES = 768 };

struct err {
	int kind;	  /* enum err_kind, 0 = nothing happened */
	const char *code; /* literal, e.g. "SSH-HOSTKEY-CHANGED" */
	int native;
	char message[ERR_MESSAGE_BYTES];
};

/* Fill `e` and return `kind`, so that failing reads `return err_set(...)`. */
int err_set(struct err *e, enum err_kind kind, const char *code, int native, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* As err_set, from errno (read first of all); appends ": " and the system's words. */
int err_errno(struct err *e, enum err_kind kind, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Put "context: " in front of the message; returns e->kind. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "NETWORK" … or "NONE"; accepts any number. */
const char *err_kind_name(int kind);
enum err_retry err_retry_class(int kind);

/* The static analyzer does not see into these; it is told that they return a kind, never 0. */
#ifdef __clang_analyzer__
#define err_set(e, k, c, ...)                                                                      \
	((void)(err_set)(e, k, c, __VA_ARGS__), (e)->code = (c), (e)->kind = (k), (int)(k))
#define err_errno(e, k, c, ...)                                                                    \
	((void)(err_errno)(e, k, c, __VA_ARGS__), (e)->code = (c), (e)->kind = (k), (int)(k))
#define err_wrap(e, ...) ((err_wrap)(e, __VA_ARGS__) < 0 ? -1 : -1)
#endif
