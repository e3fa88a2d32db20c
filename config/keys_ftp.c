/*
 * The keys of an endpoint that ftp and ftps know, and sftp does not.
 */
#include "config/load.h"

#define TLS(member)  .at = offsetof(struct endpoint_form, out.tls.member)
#define DATA(member) .at = offsetof(struct endpoint_form, out.ftp.data.member)
#define COMMANDS(member)                                               \
	.at = offsetof(struct endpoint_form, out.ftp.commands.member), \
	.count_at = offsetof(struct endpoint_form, out.ftp.commands.member##_count)

/* ---- TLS ----------------------------------------------------------------------------------- */

static const struct word words_tls_mode[] = {
        {"explicit", TLS_EXPLICIT, "AUTH TLS on the usual port, before the user name", NULL},
        {"implicit", TLS_IMPLICIT, "TLS from the first byte, on a port of its own", NULL},
        {0},
};

#define TOO_OLD                                                                               \
	"TLS before 1.2 is broken, and the TLS libraries of Debian refuse it: the partner's " \
	"server must be able to do 1.2"

static const struct word words_tls_version[] = {
        {"1.2", TLS_1_2, "TLS 1.2", NULL},
        {"1.3", TLS_1_3, "TLS 1.3", NULL},
        {"1.0", TLS_1_2, NULL, TOO_OLD},
        {"1.1", TLS_1_2, NULL, TOO_OLD},
        {0},
};

static const struct key tls_keys[] = {
        {"mode", KEY_WORD, TLS(mode), .fallback = "explicit", .words = words_tls_mode,
         .doc = "When TLS begins. Never does anything but the greeting go in clear text."},
        {"ca", KEY_PATH, TLS(ca), .fallback_doc = "the system's",
         .doc = "Who may have signed the server's certificate: a PEM file with one or several "
                "certificates, or a directory that `openssl rehash` has been run on. A partner's "
                "self-signed certificate goes here too."},
        {"pins", KEY_TEXTS, TLS(pins),
         .count_at = offsetof(struct endpoint_form, out.tls.pin_count), .check = tls_check_pin,
         .doc = "Public keys of which the server must show one, besides a certificate that is "
                "valid: `sha256//` and the base64 of the key's digest; several while a server "
                "changes its key. `openssl x509 -in CERTIFICATE -pubkey -noout | openssl pkey "
                "-pubin -outform der | openssl dgst -sha256 -binary | base64` prints it."},
        {"certificate", KEY_PATH, TLS(certificate),
         .doc = "Our own certificate, PEM, where the server asks for one."},
        {"key", KEY_PATH, TLS(key), .fallback_doc = "in the file of `certificate`",
         .doc = "Its private key, PEM, with mode 0600 or less."},
        {"passphrase", KEY_ONE_OF, .at = offsetof(struct endpoint_form, tls_passphrase),
         .table = &keys_secret, .doc = "The private key's passphrase, if it is encrypted."},
        {"min", KEY_WORD, TLS(min), .fallback = "1.2", .words = words_tls_version,
         .doc = "The oldest version that is spoken."},
        {"max", KEY_WORD, TLS(max), .fallback = "1.2", .words = words_tls_version,
         .doc = "The newest version that is spoken. Not 1.3 unless told, because uploads over TLS "
                "1.3 fail where the server wants the session to be reused: measured with libcurl "
                "7.88.1 (Debian 12) against vsftpd 3.0.3, and one in two against ProFTPD 1.3.8; "
                "with libcurl 8.14.1 (Debian 13) still one in three against ProFTPD. With 1.2 none "
                "failed."},
        {"ciphers", KEY_TEXT, TLS(ciphers), .most = 1024, .check = tls_check_ciphers,
         .fallback_doc = "the TLS library's",
         .doc = "Ciphers of TLS 1.2 as `openssl ciphers` takes them, such as `ECDHE+AESGCM`."},
        {"session_reuse", KEY_BOOL, TLS(session_reuse), .fallback = "true",
         .doc = "Whether data connections resume the TLS session of the control connection. Many "
                "servers insist (vsftpd and ProFTPD unless told otherwise), as it proves that both "
                "come from the same client."},
        {0},
};

const struct table keys_tls = {
        .title = "endpoint.tls",
        .about = "How a connection of `protocol: ftps` is protected. The control connection and "
                 "all data connections are encrypted, and the certificate and its name are "
                 "verified, before the user name is sent; there is no way back to clear text.",
        .keys = tls_keys,
};

/* ---- data connections ---------------------------------------------------------------------- */

static const struct word words_data_mode[] = {
        {"passive", FTP_PASSIVE, "ferryd connects to the server (EPSV, then PASV)", NULL},
        {"active", FTP_ACTIVE, "the server connects to ferryd (EPRT, then PORT)", NULL},
        {0},
};

static const struct word words_pasv_address[] = {
        {"ignore", FTP_PASV_IGNORE,
         "the address of the control connection is used: right behind NAT, and a server cannot "
         "send ferryd elsewhere",
         NULL},
        {"trust", FTP_PASV_TRUST, "the address in the server's answer is used", NULL},
        {0},
};

static const struct key data_keys[] = {
        {"mode", KEY_WORD, DATA(mode), .fallback = "passive", .words = words_data_mode,
         .doc = "Who opens the connection that carries a file or a listing."},
        {"pasv_address", KEY_WORD, DATA(pasv_address), .fallback = "ignore",
         .words = words_pasv_address,
         .doc = "With `mode: passive`: where to connect when the server knows PASV only."},
        {"address", KEY_TEXT, DATA(address), .most = 64, .check = ftp_check_address,
         .fallback_doc = "that of the control connection",
         .doc = "With `mode: active`: the IPv4 or IPv6 address the server is told to connect to."},
        {"ports", KEY_TEXT, .at = offsetof(struct endpoint_form, active_ports), .most = 16,
         .check = ftp_check_ports, .fallback_doc = "any that is free",
         .doc = "With `mode: active`: the ports ferryd listens on, such as `40000-40100`, so that "
                "a firewall can let them in."},
        {0},
};

const struct table keys_ftp_data = {
        .title = "endpoint.data",
        .about = "How `protocol: ftps` and `ftp` open the connections that carry files and "
                 "listings. All transfers are binary.",
        .keys = data_keys,
};

/* ---- names, listings, extra commands ------------------------------------------------------- */

const struct word words_ftp_list[] = {
        {"auto", FTP_LIST_BY_ANY, "MLSD if the server says that it knows it, else LIST", NULL},
        {"mlsd", FTP_LIST_BY_MLSD, "exact times in UTC, exact types", NULL},
        {"list", FTP_LIST_BY_LIST,
         "unix and DOS style; times to the minute, or to the day when older than half a year. A "
         "file that grows old is no new version: its exact time is asked for (MDTM), once; of a "
         "server without MDTM a file of the same size and day is taken for the one we have, and "
         "the "
         "log says so",
         NULL},
        {0},
};

static const struct key commands_keys[] = {
        {"after_login", KEY_TEXTS, COMMANDS(after_login), .most = 512, .check = ftp_check_command,
         .doc = "Sent once on each connection, such as `SITE UMASK 027`."},
        {"before_put", KEY_TEXTS, COMMANDS(before_put), .most = 512, .check = ftp_check_command,
         .doc = "Sent before each file that is sent."},
        {"after_put", KEY_TEXTS, COMMANDS(after_put), .most = 512, .check = ftp_check_command,
         .doc = "Sent after each file that was sent, before it gets its final name."},
        {0},
};

const struct table keys_ftp_commands = {
        .title = "endpoint.commands",
        .about = "Commands that a server needs besides the usual ones; one or a list, sent as they "
                 "are written. When the server refuses one the operation fails, unless it begins "
                 "with `*`. Commands that ferryd sends by itself, or that would change what it "
                 "relies on, are not taken.",
        .keys = commands_keys,
};
