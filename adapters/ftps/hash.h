/*
 * A server's own hash of a file: HASH (draft-bryan-ftpext-hash), or the older XSHA256, XSHA512,
 * XSHA1, XMD5, XCRC. FEAT tells which there are.
 *
 * Pure, but for ftp_hash().
 */
#pragma once
#include "adapters/ftps/session.h"

/* What one line of FEAT's answer, "HASH SHA-256;MD5*" or "XCRC filename", adds to it. */
void ftp_hash_feature(struct ftp_hashes *h, const char *line, size_t n);
/* "213 SHA-256 0-49 6168… name", "250 6168…": the first word that can be a sum of that kind. */
bool ftp_hash_parse(const char *reply, size_t n, enum checksum_kind kind,
                    unsigned char out[CHECKSUM_BYTES_MOST]);
/* The best the server has. ERR_OBJECT "OBJ-NO-HASH": none. */
int ftp_hash(struct ftp_session *s, const char *path, struct server_hash *out, struct err *e);
