/*
 * What systemd is told: sd_notify(3). Does nothing when not started by it. Any thread.
 */
#pragma once
#include <stdint.h>

void notify_ready(const char *status);
void notify_reloading(void);
void notify_stopping(void);
/* "I live": only while every loop answers (engine.c decides). */
void notify_alive(void);
/* How often it wants to hear that, ms; 0 = not at all. Half of WATCHDOG_USEC. */
int64_t notify_alive_every_ms(void);
