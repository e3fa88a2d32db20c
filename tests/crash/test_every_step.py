"""SIGKILL at the N-th call of each thread that writes, flushes, renames or removes, then a start
without faults: the two files arrive once and whole, nothing is left over, and a further start
changes nothing.

A sample by default, as many as fit into FERRYD_SWEEP_SECONDS (50); FERRYD_SWEEP=all walks every N
until a run ends without a kill.
"""
import os
import shutil
import signal
import time

import pytest

from lib.files import Ledger, content, litter, visible
from lib.wait import wait_for

GROUPS = ["pwrite64", "fdatasync,fsync", "renameat2,renameat,rename", "unlinkat,unlink", "openat,openat2"]
SECONDS = float(os.environ.get("FERRYD_SWEEP_SECONDS", "50")) / len(GROUPS)
ALL = os.environ.get("FERRYD_SWEEP") == "all"

pytestmark = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")


def prepare(ferryd, partner, place, number):
    """A fresh round: empty folders, an empty state, one file each way."""
    folders = [partner.home / "out", partner.home / "inbox", place / "in", place / "drop"]
    for folder in folders + [ferryd.state]:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
    ledgers = Ledger(), Ledger()
    ledgers[0].produce(folders[0], "in.bin", content(number, 70_000))
    ledgers[1].produce(folders[3], "out.bin", content(number + 1, 70_000))
    return folders, ledgers


def run_until_killed(ferryd, calls, number, done):
    """True when the injected SIGKILL hit before the work was done."""
    ferryd.wrapper = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}",
                      "-e", f"inject={calls}:signal=SIGKILL:when={number}"]
    ferryd.launch()
    wait_for(lambda: ferryd.process.poll() is not None or done(), "a kill, or the end of the work", 60)
    killed = ferryd.process.poll() is not None
    if not killed:
        wait_for(lambda: ferryd.process.poll() is not None or is_settled(ferryd), "all jobs to be done")
        killed = ferryd.process.poll() is not None
    if not killed:
        ferryd.process.terminate()
        status = ferryd.process.wait(60)
        assert status in (0, -signal.SIGKILL), ferryd.log_text()[-3000:]
        killed = status != 0
    ferryd.kill()
    ferryd.wrapper = []
    return killed


def is_settled(ferryd):
    run = ferryd.ctl("--json", "jobs")
    return run.returncode == 0 and run.stdout.count('"done"') >= 2


def steps():
    """1, 2, 3 … or, in the sample, ever wider apart."""
    number = 1
    while True:
        yield number
        number += 1 if ALL else max(1, number // 6)


@pytest.mark.parametrize("calls", GROUPS)
def test_every_step__survives_a_kill(calls, ferryd, route_in, route_out, partner, place):
    ferryd.env["ASAN_OPTIONS"] = "detect_leaks=0:abort_on_error=1"
    ferryd.write_config()
    end = time.monotonic() + SECONDS
    rounds = 0
    for number in steps():
        folders, ledgers = prepare(ferryd, partner, place, number)
        done = lambda: visible(folders[2]) == ["in.bin"] and visible(folders[1]) == ["out.bin"]  # noqa: E731
        killed = run_until_killed(ferryd, calls, number, done)
        recover_and_check(ferryd, folders, ledgers, f"kill at {calls} number {number}")
        rounds += 1
        if not killed or (not ALL and time.monotonic() > end):
            break
    print(f"{calls}: {rounds} rounds")


def recover_and_check(ferryd, folders, ledgers, what):
    ferryd.resume()
    wait_for(lambda: visible(folders[2]) == ["in.bin"] and visible(folders[1]) == ["out.bin"],
             lambda: f"{what}: both files\n{ferryd.log_text()[-3000:]}")
    wait_for(lambda: is_settled(ferryd), f"{what}: all jobs to be done")
    ferryd.stop()
    ledgers[0].check(folders[2], what)
    ledgers[1].check(folders[1], what)
    assert visible(folders[0]) == [] and visible(folders[3]) == [], f"{what}: sources are left"
    for folder in folders + [ferryd.state / "spool"]:
        assert litter(folder) == [], f"{what}: temporary files are left"
    before = ferryd.database()
    ferryd.resume().stop()
    assert ferryd.database() == before, f"{what}: a further start changed something"
