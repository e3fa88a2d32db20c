#include "adapters/ftps/stamp.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "adapters/adapter.h"

#define SECOND_MS INT64_C(1000)
#define DAY_MS    (INT64_C(86400) * SECOND_MS)

/* ---- numbers ------------------------------------------------------------------------------- */

bool ftp_number(const char *text, size_t n, uint64_t most, uint64_t *out)
{
	uint64_t number = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned digit = (unsigned)(unsigned char)text[i] - '0';

		if (digit > 9 || number > (most - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	if (!n)
		return false;
	*out = number;
	return true;
}

bool ftp_digits(const char *text, size_t n, int *out)
{
	uint64_t number;

	if (!ftp_number(text, n, 99999999, &number))
		return false;
	*out = (int)number;
	return true;
}

int ftp_fraction_ms(const char *digits, size_t n)
{
	int ms = 0;

	for (size_t i = 0; i < 3; i++)
		ms = ms * 10 + (i < n ? digits[i] - '0' : 0);
	return ms;
}

int ftp_month(const char *text, size_t n)
{
	static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
	                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

	for (int m = 0; n == 3 && m < 12; m++)
		if (strncasecmp(text, months[m], 3) == 0)
			return m + 1;
	return 0;
}

/* ---- dates --------------------------------------------------------------------------------- */

static bool is_leap_year(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* RFC 3659 §2.3 lets a leap second through: it counts as the first one of the next minute. */
static bool exists(const struct ftp_date *d)
{
	static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return d->year >= 1 && d->year <= 9999 && d->month >= 1 && d->month <= 12 && d->day >= 1 &&
	       d->day <= days[d->month - 1] &&
	       (d->month != 2 || d->day < 29 || is_leap_year(d->year)) && d->hour <= 23 &&
	       d->minute <= 59 && d->second <= 60;
}

/* Days since 1970-01-01, of a year that begins in March so that the leap day is its last one. */
static int64_t days_of(const struct ftp_date *d)
{
	int64_t year = d->month > 2 ? d->year : d->year - 1;
	int64_t month = d->month > 2 ? d->month - 3 : d->month + 9;

	return 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + d->day -
	       1 - 719468;
}

static int64_t ms_of(const struct ftp_date *d)
{
	int64_t seconds = d->hour * 3600 + d->minute * 60 + d->second;

	return days_of(d) * DAY_MS + seconds * SECOND_MS + d->ms;
}

int64_t ftp_date_utc(const struct ftp_date *d, int64_t offset_ms)
{
	int64_t ms;

	if (!exists(d))
		return MTIME_UNKNOWN;
	ms = ms_of(d) - offset_ms;
	return ms < 0 ? MTIME_UNKNOWN : ms;
}

/* A 29th of February may lie eight years back (1896 to 1904). */
void ftp_date_tell_year(struct ftp_date *d, int64_t now_ms)
{
	int latest = (int)(now_ms / (365 * DAY_MS)) + 1971; /* at least next year */

	for (d->year = latest; d->year > latest - 60; d->year--)
		if (exists(d) && ms_of(d) <= now_ms + DAY_MS)
			return;
	d->year = YEAR_UNTOLD; /* no such day in any year, or a clock before 1970 */
}

bool ftp_stamp_parse(const char *text, size_t n, int64_t *mtime_ms, int64_t *precision_ms)
{
	struct ftp_date d = {0};
	size_t fraction = n > 15 ? n - 15 : 0;
	uint64_t ignored;

	if (n < 14 || n == 15 || !ftp_digits(text, 4, &d.year) ||
	    !ftp_digits(text + 4, 2, &d.month) || !ftp_digits(text + 6, 2, &d.day) ||
	    !ftp_digits(text + 8, 2, &d.hour) || !ftp_digits(text + 10, 2, &d.minute) ||
	    !ftp_digits(text + 12, 2, &d.second))
		return false;
	if (fraction && (text[14] != '.' || !ftp_number(text + 15, fraction, UINT64_MAX, &ignored)))
		return false;
	d.ms = fraction ? ftp_fraction_ms(text + 15, fraction) : 0;
	*mtime_ms = ftp_date_utc(&d, 0);
	*precision_ms = *mtime_ms == MTIME_UNKNOWN ? 0 : fraction ? 1 : SECOND_MS;
	return true;
}

void ftp_stamp_write(int64_t mtime_ms, char out[FTP_STAMP_ROOM])
{
	time_t seconds = (time_t)(mtime_ms / 1000);
	struct tm tm;

	out[0] = '\0';
	if (gmtime_r(&seconds, &tm) && tm.tm_year <= 9999 - 1900)
		(void)strftime(out, FTP_STAMP_ROOM, "%Y%m%d%H%M%S", &tm);
}
