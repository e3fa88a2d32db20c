/*
 * The two ways a password reaches a server: the password method (RFC 4252 §8), and as the answer to
 * a prompt (keyboard-interactive, RFC 4256), which many servers use for nothing else.
 *
 * Both are libssh2 calls to be made as transport.h says: they return its codes, "again" too.
 */
#pragma once
#include <stddef.h>

#include "adapters/sftp/ssh.h"

int password_send(struct ssh *s, const char *password, size_t n);

/* Answers rounds with one prompt that hides what is typed; any other prompt gets an empty answer,
 * because a password must not go where it would be shown. */
int password_answer(struct ssh *s, const char *password, size_t n);
