#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/ftps/curl_state.h"

static bool is_accepted(const struct curl_socket *s)
{
	return s->ours < 0;
}

/* The caller holds the lock, as for the other static ones here. */
static void forget(struct curl_loop *l, size_t i)
{
	if (!is_accepted(&l->sockets[i]))
		(void)close(l->sockets[i].ours);
	l->socket_count--;
	memmove(&l->sockets[i], &l->sockets[i + 1], (l->socket_count - i) * sizeof(l->sockets[0]));
}

static bool is_gone(const struct curl_socket *s)
{
	struct stat now;

	return fstat(s->fd, &now) < 0 || !S_ISSOCK(now.st_mode) || now.st_ino != s->id;
}

/* True when an accepted one was among the gone. */
static bool sweep(struct curl_loop *l)
{
	bool accepted = false;

	for (size_t i = l->socket_count; i-- > 0;) {
		if (!is_gone(&l->sockets[i]))
			continue;
		accepted |= is_accepted(&l->sockets[i]);
		forget(l, i);
	}
	return accepted;
}

static void cut(struct curl_loop *l)
{
	for (size_t i = 0; i < l->socket_count; i++)
		if (!is_accepted(&l->sockets[i]))
			(void)shutdown(l->sockets[i].ours, SHUT_RDWR);
}

static bool add(struct curl_loop *l, const struct curl_socket *s)
{
	(void)sweep(l);
	if (l->socket_count == SOCKETS_MOST)
		return false;
	l->sockets[l->socket_count++] = *s;
	if (curl_is_cut(l))
		cut(l); /* it came too late to be cut */
	return true;
}

bool curl_sockets_add(struct curl_loop *l, int fd, curlsocktype purpose)
{
	struct curl_socket s = {.fd = fd, .ours = -1};
	struct stat now;
	bool added;

	if (purpose != CURLSOCKTYPE_ACCEPT && (s.ours = fcntl(fd, F_DUPFD_CLOEXEC, 0)) < 0)
		return false;
	(void)fstat(fd, &now); /* cannot fail: it is open */
	s.id = now.st_ino;
	pthread_mutex_lock(&l->lock);
	added = add(l, &s);
	pthread_mutex_unlock(&l->lock);
	if (!added && !is_accepted(&s))
		(void)close(s.ours);
	return added;
}

void curl_sockets_remove(struct curl_loop *l, int fd)
{
	size_t i = 0;

	pthread_mutex_lock(&l->lock);
	while (i < l->socket_count && l->sockets[i].fd != fd)
		i++;
	if (i < l->socket_count)
		forget(l, i);
	pthread_mutex_unlock(&l->lock);
}

bool curl_sockets_sweep(struct curl_loop *l)
{
	bool accepted;

	pthread_mutex_lock(&l->lock);
	accepted = sweep(l);
	pthread_mutex_unlock(&l->lock);
	return accepted;
}

bool curl_sockets_accepted(struct curl_loop *l)
{
	bool any = false;

	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < l->socket_count; i++)
		any |= is_accepted(&l->sockets[i]);
	pthread_mutex_unlock(&l->lock);
	return any;
}

void curl_sockets_shut_down(struct curl_loop *l, int how)
{
	pthread_mutex_lock(&l->lock);
	(void)sweep(l);
	for (size_t i = 0; i < l->socket_count; i++)
		(void)shutdown(l->sockets[i].fd, how);
	pthread_mutex_unlock(&l->lock);
}

void curl_sockets_cut(struct curl_loop *l)
{
	pthread_mutex_lock(&l->lock);
	cut(l);
	pthread_mutex_unlock(&l->lock);
}
