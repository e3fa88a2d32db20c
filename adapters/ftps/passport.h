/*
 * What is told of an FTP or FTPS server to whoever walks along (examine.h).
 *
 *	passport_way(s, failure);	// after the first job: how far it came
 *	passport_facts(s);		// logged in: greeting, certificate, features, login directory
 *
 * libcurl goes from the connection to the login in one job, so these steps are told after it, in
 * the order they were taken; the time of all is that of the first.
 */
#pragma once
#include "adapters/ftps/session.h"

void passport_way(struct ftp_session *s, const struct err *failure); /* NULL: all the way */
void passport_facts(struct ftp_session *s);
