"""The order of steps on disk and at the partner, read from system calls: nothing is acknowledged
before it is safe, nothing is removed before it is acknowledged."""
import re
import shutil
from pathlib import Path

import pytest

from lib.files import content, drop, visible
from lib.sshd import Sshd
from lib.syscalls import RENAMES, REMOVES, SYNCS, TRACED, WRITES, Order, read
from lib.wait import wait_for

STRACE = ["strace", "-f", "-ttt", "-T", "-y", "-s", "64", "-e", "signal=none", "-e", "trace=" + ",".join(TRACED)]
SERVER = "/usr/lib/openssh/sftp-server"
SIZE = 300_000

pytestmark = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")


@pytest.fixture
def partner(place):
    """An sshd whose sftp-server is traced, one file a session."""
    sshd = Sshd(place / "partner")
    script = place / "traced-sftp-server"
    script.write_text(f"#!/bin/sh\nexec {' '.join(STRACE)} -o {place}/remote.$$ {SERVER}\n")
    script.chmod(0o755)
    sshd.configure(subsystem=str(script))
    sshd.start()
    yield sshd
    sshd.stop()


def run_traced(ferryd, place, done):
    """Starts the daemon under strace, waits for done(), stops it; all calls of both sides."""
    trace = place / "local.trace"
    ferryd.wrapper = STRACE + ["-D", "-o", str(trace)]  # -D: the daemon is our child, not strace's
    ferryd.env["ASAN_OPTIONS"] = "detect_leaks=0:abort_on_error=1"  # no LeakSanitizer under a tracer
    ferryd.start()
    done()
    wait_for(lambda: all(j["state"] == "done" for j in ferryd.jobs()), "the job to be done")
    pid = ferryd.process.pid
    ferryd.stop()
    wait_for(lambda: re.search(rf"^{pid} .*exited with", trace.read_text(errors="replace"), re.M),
             "the tracer to end")
    return read(trace, *Path(place).glob("remote.*"))


def writes_to(call, ending):
    return call.name in WRITES and call.on.endswith(ending)


def test_order__of_a_fetched_file(ferryd, route_in, place):
    source, destination = route_in
    drop(source, "a.bin", content(1, SIZE))
    calls = run_traced(ferryd, place, lambda: wait_for(lambda: visible(destination) == ["a.bin"], "a.bin"))
    spool = str(ferryd.state / "spool")
    order = Order(calls)
    order.wal_commit("claimed")
    data = order.then("last write of data", last=True,
                      fits=lambda c: c.name in WRITES and is_data(c, spool, destination))
    order.then("sync of data", lambda c: c.name == "syncfs" or (c.name in SYNCS and c.on == data.on))
    order.then("sync of the spool's directory", lambda c: c.name in SYNCS | {"syncfs"} and Path(c.on).is_dir())
    order.wal_commit("stored")
    order.wal_commit("renaming")
    order.then("rename to the final name", lambda c: c.name in RENAMES and c.names[-1].endswith("a.bin"))
    order.then("sync of the destination directory",
               lambda c: c.name in SYNCS | {"syncfs"} and c.on.startswith(str(destination)))
    order.wal_commit("delivered")
    order.then("removal at the partner", lambda c: c.name in REMOVES and c.names[-1] == str(source / "a.bin"))
    order.wal_commit("source_done")
    removals = [c for c in calls if c.name in REMOVES | RENAMES and c.names and c.names[0] == str(source / "a.bin")]
    assert len(removals) == 1, removals


def is_data(call, spool, destination):
    return call.on.startswith((spool, str(destination)))


def test_order__of_a_delivered_file(ferryd, route_out, place):
    source, destination = route_out
    drop(source, "b.bin", content(2, SIZE))
    calls = run_traced(ferryd, place, lambda: wait_for(lambda: visible(destination) == ["b.bin"], "b.bin"))
    order = Order(calls)
    order.wal_commit("claimed")
    claim = order.then("claim by rename", lambda c: c.name in RENAMES and ".ferryd-claim" in c.text)
    order.wal_commit("stored")
    data = order.then("last write at the partner", last=True,
                      fits=lambda c: c.name in WRITES and c.on.endswith(".ferryd-part"))
    order.then("sync at the partner", lambda c: c.name in SYNCS and c.on == data.on)
    order.then("close at the partner", lambda c: c.name == "close" and c.on == data.on)
    order.wal_commit("renaming")
    order.then("rename at the partner", lambda c: c.name in RENAMES and c.names[-1] == str(destination / "b.bin"))
    order.wal_commit("delivered")
    order.then("removal of the claimed file", lambda c: c.name in REMOVES and claim.names[-1].endswith(c.names[-1][-8:]))
    order.wal_commit("source_done")
