/*
 * An SFTP client without SSH: its stream is one end of a socket pair, at the other end sits
 * OpenSSH's sftp-server, or a peer that the test plays itself (a fiber that reads and writes fd).
 *
 *	struct sftp_peer peer;
 *	struct sftp_client *c = peer_start(&peer, directory);	// sftp-server, started there
 *	...
 *	peer_stop(&peer, c);
 */
#pragma once
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapters/sftp/client.h"
#include "daemon/runtime/io.h"
#include "tests/runtime/rig.h"

struct io_stream {
	struct stream stream;
	struct io *io;
};

static ssize_t io_stream_read(struct stream *s, void *data, size_t room, const char *label,
                              struct deadline d, struct err *e)
{
	ssize_t n = io_read(((struct io_stream *)(void *)s)->io, data, room, label, d, e);

	return n < 0 && strcmp(e->code, "NET-EOF") == 0 ? 0 : n;
}

static int io_stream_write(struct stream *s, const void *data, size_t n, const char *label,
                           struct deadline d, struct err *e)
{
	return io_write_all(((struct io_stream *)(void *)s)->io, data, n, label, d, e);
}

static void io_stream_abort(struct stream *s)
{
	io_abort(((struct io_stream *)(void *)s)->io);
}

static const struct stream_ops io_stream_ops = {
        .read = io_stream_read,
        .write = io_stream_write,
        .abort = io_stream_abort,
};

struct sftp_peer {
	struct io_stream ours;
	pid_t pid; /* of sftp-server, 0 = none */
};

static inline void peer_stream(struct sftp_peer *peer, int fd)
{
	struct err e;

	peer->ours.stream.ops = &io_stream_ops;
	check(io_adopt(fd, &peer->ours.io, &e) == 0);
}

static inline struct sftp_settings peer_settings(void)
{
	return (struct sftp_settings){.request_ms = 20000, .stall_ms = 20000};
}

#define SFTP_SERVER "/usr/lib/openssh/sftp-server"

/* Starts sftp-server in `directory`; more arguments, e.g. {"-P", "posix-rename", NULL}, or NULL. */
static inline void peer_spawn(struct sftp_peer *peer, const char *directory,
                              const char *const *more)
{
	const char *argv[8] = {SFTP_SERVER, "-d", directory};
	int fds[2];

	for (size_t i = 0; more && more[i]; i++)
		argv[3 + i] = more[i];
	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	peer->pid = fork();
	check(peer->pid >= 0);
	if (peer->pid == 0) {
		(void)dup2(fds[1], 0);
		(void)dup2(fds[1], 1);
		execv(SFTP_SERVER, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(fds[1]);
	peer_stream(peer, fds[0]);
}

static inline struct sftp_client *peer_open(struct sftp_peer *peer,
                                            const struct sftp_settings *settings)
{
	struct sftp_client *c = NULL;
	struct err e;

	if (sftp_client_open(&peer->ours.stream, settings, &c, &e) < 0)
		(void)fprintf(stderr, "%s\n", e.message);
	check(c);
	return c;
}

static inline struct sftp_client *peer_start_with(struct sftp_peer *peer, const char *directory,
                                                  const char *const *more)
{
	const struct sftp_settings settings = peer_settings();

	peer_spawn(peer, directory, more);
	return peer_open(peer, &settings);
}

static inline struct sftp_client *peer_start(struct sftp_peer *peer, const char *directory)
{
	return peer_start_with(peer, directory, NULL);
}

static inline void peer_stop(struct sftp_peer *peer, struct sftp_client *c)
{
	int status;

	sftp_client_close(c);
	io_close(peer->ours.io);
	if (peer->pid > 0) {
		(void)kill(peer->pid, SIGKILL);
		check(waitpid(peer->pid, &status, 0) == peer->pid);
	}
}
