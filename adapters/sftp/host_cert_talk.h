/*
 * How a server is made to show its host certificate: the first half of a key exchange, in which we
 * offer certificates only. It answers with the certificate (RFC 4253 §8, RFC 5656 §4: K_S), and we
 * hang up. Bytes in, bytes out; the exchange is never finished, so our public values need no secret
 * behind them and are constants.
 *
 *	struct cert_talk t;
 *	cert_talk_init(&t);
 *	do { send t.out; cert_talk_feed(&t, data, n) } while (… == CERT_TALK_MORE);
 *	... t.blob ...
 *	cert_talk_release(&t);
 *
 * That the server holds the key is not proved here and need not be: the certificate is no secret,
 * and the connection that follows proves the possession of the very key it names.
 *
 * Pure; takes any bytes.
 */
#pragma once
#include "adapters/sftp/identification.h"
#include "adapters/sftp/kexinit.h"
#include "daemon/base/buf.h"

enum cert_talk_state {
	CERT_TALK_MORE,
	CERT_TALK_DONE,   /* blob is there */
	CERT_TALK_NONE,   /* the server has no certificate to show */
	CERT_TALK_NO_KEX, /* no key exchange method that we know the beginning of */
	CERT_TALK_BROKEN, /* it is no SSH server, hangs up in words, or breaks the protocol */
};

enum {
	CERT_TALK_PACKET_MAX = 40000,
	CERT_TALK_PACKETS = 64, /* that mean nothing to us */
};

struct cert_talk {
	struct buf in, out; /* out: to be sent and consumed by the caller */
	struct identification id;
	struct kexinit theirs;
	enum { TALK_IDENTIFICATION, TALK_LISTS, TALK_REPLY } phase;
	int packets;
	unsigned char *blob;
	size_t blob_bytes;
};

void cert_talk_init(struct cert_talk *t);
void cert_talk_release(struct cert_talk *t);
/* Any cut of the server's bytes. Not to be called again after another state than MORE. */
enum cert_talk_state cert_talk_feed(struct cert_talk *t, const void *data, size_t n);
