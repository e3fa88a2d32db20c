"""Waiting for conditions, never for time to pass."""
import os
import time

# Slow machines (emulation, valgrind) multiply every deadline.
PATIENCE = float(os.environ.get("FERRYD_PATIENCE", "1"))


def wait_for(condition, what, seconds=30, every=0.02):
    """Returns the first true value of condition(); fails the test after `seconds`."""
    deadline = time.monotonic() + seconds * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s for {what() if callable(what) else what}")
        time.sleep(every)


def stays_true(condition, what, seconds):
    """The condition holds from now on, for as long as looking makes sense."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert condition(), f"{what} did not last"
        time.sleep(0.02)
