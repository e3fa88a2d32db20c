"""What systemd is told: ready, alive, reloading, stopping."""
import os
import signal
import socket

import pytest

from lib.wait import wait_for


@pytest.fixture
def notify(place, ferryd):
    """A NOTIFY_SOCKET; messages() is all that was said so far."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(str(place / "notify"))
        s.setblocking(False)
        ferryd.env["NOTIFY_SOCKET"] = str(place / "notify")
        said = []

        def messages():
            while True:
                try:
                    said.extend(s.recv(65536).decode().splitlines())
                except BlockingIOError:
                    return said
        yield messages


def test_systemd__ready_reload_stop(ferryd, route_in, notify):
    ferryd.write_config()
    ferryd.launch()
    wait_for(lambda: "READY=1" in notify(), "READY=1")
    assert ferryd.ctl("status").returncode == 0, "ready means it answers"
    assert any(m.startswith("STATUS=") for m in notify())
    before = notify().count("READY=1")
    ferryd.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "RELOADING=1" in notify() and notify().count("READY=1") > before, "a reload")
    ferryd.stop()
    assert "STOPPING=1" in notify()


def test_systemd__not_ready_before_a_good_configuration(ferryd, route_in, notify):
    ferryd.routes["in"]["to"][0]["path"] = "/does/not/exist"
    ferryd.write_config()
    ferryd.launch()
    assert ferryd.wait_exit() != 0
    assert "READY=1" not in notify()
    assert "/does/not/exist" in ferryd.log_text()


def test_systemd__the_watchdog_is_fed(ferryd, route_in, notify):
    ferryd.env["WATCHDOG_USEC"] = "600000"
    ferryd.write_config()
    ferryd.launch()
    wait_for(lambda: notify().count("WATCHDOG=1") >= 3, "three signs of life", 10)


def test_systemd__log_lines_carry_their_level(ferryd, route_in, notify):
    """stderr is the journal: a prefix tells how important a line is."""
    ferryd.env["JOURNAL_STREAM"] = "{0.st_dev}:{0.st_ino}".format(os.stat(make_log(ferryd)))
    ferryd.write_config()
    ferryd.launch()
    wait_for(lambda: "READY=1" in notify(), "READY=1")
    lines = [line for line in ferryd.log_text().splitlines() if not line.startswith("==")]  # the sanitizer's own
    assert lines and all(line.startswith("<6>") for line in lines), lines


def test_systemd__no_level_where_no_journal_reads(ferryd, route_in, notify):
    """The variable is inherited from a desktop session; it names another stream."""
    ferryd.env["JOURNAL_STREAM"] = "1:1"
    ferryd.write_config()
    ferryd.launch()
    wait_for(lambda: "READY=1" in notify(), "READY=1")
    assert "<6>" not in ferryd.log_text() and "ferryd is running" in ferryd.log_text()


def make_log(ferryd):
    ferryd.log.touch()
    return ferryd.log
