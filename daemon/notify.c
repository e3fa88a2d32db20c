#include "daemon/notify.h"

#include <inttypes.h>
#include <systemd/sd-daemon.h>

#include "daemon/base/clock.h"

/* A lost notification is repaired by the next; systemd's timeouts watch over the rest. */

void notify_ready(const char *status)
{
	(void)sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void notify_reloading(void)
{
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_mono_us());
}

void notify_stopping(void)
{
	(void)sd_notify(0, "STOPPING=1\nSTATUS=finishing running transfers");
}

void notify_alive(void)
{
	(void)sd_notify(0, "WATCHDOG=1");
}

int64_t notify_alive_every_ms(void)
{
	uint64_t usec = 0;

	return sd_watchdog_enabled(0, &usec) > 0 ? (int64_t)(usec / 2000) : 0;
}
