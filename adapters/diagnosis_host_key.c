/* What is wrong with a server's host key (diagnosis.h). */
#include <stdio.h>
#include <string.h>

#include "adapters/brief.h"
#include "adapters/diagnosis.h"

/* A type is a word of the protocol, an endpoint's name stands in a command to be copied. */
enum { TYPE_ROOM = 48, NAME_ROOM = 64, PLACE_ROOM = BRIEF_ROOM_MOST + 24 };

/* "/etc/ferryd/known_hosts:12" or "`pins:` of this endpoint" */
static const char *record_place(const struct diagnosis_host_key *k, size_t room,
                                char out[PLACE_ROOM])
{
	char file[BRIEF_ROOM_MOST / 3 * 2];

	if (!k->file)
		return "`pins:` of this endpoint";
	if (k->line)
		(void)snprintf(out, PLACE_ROOM, "%s:%zu", brief_text(k->file, file, room / 3 * 2),
		               k->line);
	else
		(void)snprintf(out, PLACE_ROOM, "%s", brief_text(k->file, file, room / 3 * 2));
	return out;
}

/* ---- not on record ------------------------------------------------------------------------- */

static void compose_unknown(const void *what, size_t room, struct err *e)
{
	const struct diagnosis_host_key *k = what;
	char host[BRIEF_ROOM_MOST / 3], type[TYPE_ROOM], place[PLACE_ROOM], name[NAME_ROOM];

	(void)err_set(e, ERR_TRUST, "SSH-HOSTKEY-UNKNOWN", 0,
	              "the host key of %s port %d is not known: %s %s is not in %s. No login was "
	              "sent. Compare this fingerprint with the partner (telephone, or mail to a "
	              "known address); if it is theirs: ferryctl trust %s %s",
	              brief_text(k->host, host, room / 3), k->port,
	              brief_text(k->type, type, sizeof(type)), k->fingerprint,
	              k->file ? record_place(k, room, place) : "a known_hosts file",
	              brief_text(k->endpoint, name, sizeof(name)), k->fingerprint);
}

int diagnosis_host_key_unknown(const struct diagnosis_host_key *k, struct err *e)
{
	return brief_fit(compose_unknown, k, e);
}

/* ---- another one is ------------------------------------------------------------------------ */

/* Pins stand in the configuration, which only its author changes. */
static const char *changed_cure(const struct diagnosis_host_key *k, char *out, size_t room)
{
	char name[NAME_ROOM];

	if (k->file)
		(void)snprintf(out, room, "ferryctl trust %s %s",
		               brief_text(k->endpoint, name, sizeof(name)), k->fingerprint);
	else
		(void)snprintf(out, room, "add it to `pins:`, then ferryctl reload");
	return out;
}

/* "ssh-ed25519 ", or nothing where it is the type of the other key too. */
static const char *known_type(const struct diagnosis_host_key *k, char out[TYPE_ROOM])
{
	char type[TYPE_ROOM - 1];

	if (!k->known_type || (k->type && strcmp(k->known_type, k->type) == 0))
		return "";
	(void)snprintf(out, TYPE_ROOM, "%s ", brief_text(k->known_type, type, sizeof(type)));
	return out;
}

static void compose_changed(const void *what, size_t room, struct err *e)
{
	const struct diagnosis_host_key *k = what;
	char host[BRIEF_ROOM_MOST / 3], type[TYPE_ROOM], known[TYPE_ROOM], place[PLACE_ROOM],
	        cure[160];

	(void)err_set(
	        e, ERR_TRUST, "SSH-HOSTKEY-CHANGED", 0,
	        "the host key of %s port %d has changed: it shows %s %s, %s has %s%s. No login "
	        "was sent%s. It is a new key, or somebody stands in between: ask the partner for "
	        "the fingerprint by telephone; if it is theirs: %s",
	        brief_text(k->host, host, room / 3), k->port,
	        brief_text(k->type, type, sizeof(type)), k->fingerprint,
	        record_place(k, room, place), known_type(k, known),
	        k->known_fingerprint ? k->known_fingerprint : "(unknown)",
	        k->is_only_warned ? ", although check is off: it holds a password" : "",
	        changed_cure(k, cure, sizeof(cure)));
}

int diagnosis_host_key_changed(const struct diagnosis_host_key *k, struct err *e)
{
	return brief_fit(compose_changed, k, e);
}

/* ---- not good enough ----------------------------------------------------------------------- */

int diagnosis_host_key_weak(const struct diagnosis_host_key *k, int bits, int least, struct err *e)
{
	char host[BRIEF_ROOM_LEAST];

	return err_set(
	        e, ERR_TRUST, "SSH-HOSTKEY-WEAK", 0,
	        "the host key of %s port %d is an RSA key of %d bits, %d are wanted. No login "
	        "was sent. Ask the partner for a new key, Ed25519 at best; until then "
	        "`algorithms: {rsa_min_bits: %d}` in this endpoint allows it",
	        brief_text(k->host, host, sizeof(host)), k->port, bits, least, bits);
}

struct uncertified {
	const struct diagnosis_host_key *key;
	const char *why;
};

static void compose_uncertified(const void *what, size_t room, struct err *e)
{
	const struct uncertified *u = what;
	const struct diagnosis_host_key *k = u->key;
	char host[BRIEF_ROOM_MOST / 3], type[TYPE_ROOM], place[PLACE_ROOM], name[NAME_ROOM];
	char why[BRIEF_ROOM_MOST];

	(void)err_set(
	        e, ERR_TRUST, "SSH-HOSTKEY-CERT", 0,
	        "the host key of %s port %d is not certified by the authority at %s: %s. No "
	        "login was sent. Ask the partner for a certificate that is valid for this "
	        "name; or, if %s %s is theirs (telephone): ferryctl trust %s %s",
	        brief_text(k->host, host, room / 3), k->port, record_place(k, room, place),
	        brief_words(*u->why ? u->why : "its certificate names another key", why, room),
	        brief_text(k->type, type, sizeof(type)), k->fingerprint,
	        brief_text(k->endpoint, name, sizeof(name)), k->fingerprint);
}

int diagnosis_host_key_uncertified(const struct diagnosis_host_key *k, const char *why,
                                   struct err *e)
{
	return brief_fit(compose_uncertified, &(struct uncertified){k, why}, e);
}

static void compose_revoked(const void *what, size_t room, struct err *e)
{
	const struct diagnosis_host_key *k = what;
	char host[BRIEF_ROOM_MOST / 3], type[TYPE_ROOM], place[PLACE_ROOM];

	(void)err_set(e, ERR_TRUST, "SSH-HOSTKEY-REVOKED", 0,
	              "the host key of %s port %d is revoked: %s %s, by %s. No login was sent. "
	              "Whoever holds that key must not be trusted: ask the partner for their new "
	              "key",
	              brief_text(k->host, host, room / 3), k->port,
	              brief_text(k->type, type, sizeof(type)), k->fingerprint,
	              record_place(k, room, place));
}

int diagnosis_host_key_revoked(const struct diagnosis_host_key *k, struct err *e)
{
	return brief_fit(compose_revoked, k, e);
}
