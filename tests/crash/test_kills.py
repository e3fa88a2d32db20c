"""Both directions at once while the server (sshd, ProFTPD, vsftpd) and ferryd are killed: nothing
lost, nothing partial, nothing twice, no litter; a further start changes nothing.

Small by default; the full size: FERRYD_CRASH_FILES=5000 FERRYD_CRASH_LARGE=2147483648
FERRYD_CRASH_KILLS=10 pytest tests/crash/test_kills.py (needs about 12 GB of disk).
FERRYD_CRASH_SEED repeats a run.
"""
import os
import random
import threading
import time

import pytest

from lib.files import GreedyConsumer, Ledger, content, litter, visible
from lib.ftpd import Proftpd, Vsftpd
from lib.sshd import Sshd
from lib.wait import wait_for

FILES = int(os.environ.get("FERRYD_CRASH_FILES", "600"))
LARGE = int(os.environ.get("FERRYD_CRASH_LARGE", str(64 << 20)))
KILLS = int(os.environ.get("FERRYD_CRASH_KILLS", "4"))
SEED = int(os.environ.get("FERRYD_CRASH_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
PATIENCE = 180 + FILES // 5 + (LARGE >> 20) // 4


class Flow:
    """One direction: a source that is filled, consumers that take, a ledger between them."""

    def __init__(self, name, source, consumer, dice):
        self.name = name
        self.source = source
        self.consumer = consumer
        self.dice = dice
        self.ledger = Ledger()
        self.thread = threading.Thread(target=self.fill)

    def fill(self):
        sizes = [0, 1, 4095, 4096, 4097, 32768, 1 << 20]
        half = FILES // 4
        for number in range(FILES // 2):
            if number == half:
                self.ledger.produce_large(self.source, f"{self.name}-large.bin", LARGE)
            size = sizes[number] if number < len(sizes) else self.dice.randrange(1 << 20)
            self.ledger.produce(self.source, f"{self.name}-{number:05}.bin", content(number, size))

    @property
    def taken(self):
        return len(self.consumer.taken)


SERVERS = {"sftp": Sshd, "proftpd": Proftpd, "vsftpd": Vsftpd}


@pytest.fixture(params=list(SERVERS))
def server(request, serve):
    """A real server that runs; the FTP ones encrypt and require session reuse."""
    return serve(SERVERS[request.param])


def configure(ferryd, server, place):
    folders = {name: place / name for name in ("greedy", "kept", "drop")}
    for folder in folders.values():
        folder.mkdir()
    folders["out"], out_path = server.make_folder("out")
    folders["inbox"], inbox_path = server.make_folder("inbox")
    quick = {"first": "100ms", "most": "1s"}
    ferryd.endpoints["partner"] = server.endpoint()
    ferryd.routes["in"] = {
        "from": {"endpoint": "partner", "path": out_path, "poll": "500ms", "after": "delete",
                 "ready": {"stable_for": "0s"}},
        "to": [{"path": str(folders["greedy"]), "retry": quick}, {"path": str(folders["kept"]), "retry": quick}]}
    ferryd.routes["out"] = {
        "from": {"path": str(folders["drop"]), "after": "delete"},
        "to": [{"endpoint": "partner", "path": inbox_path, "retry": quick}]}
    return folders


def kill_and_restart(victim, ferryd, server, dice):
    if victim == "server":
        server.kill()
        time.sleep(dice.random() * 0.3)  # how long the partner is away is part of the fault
        server.start()
    else:
        ferryd.kill()
        ferryd.launch()


def storm(ferryd, server, flows, dice):
    """Kills when a share of the files has passed, so that every kill meets work in progress."""
    victims = ["server", "ferryd"] * KILLS
    dice.shuffle(victims)
    total = FILES + 2
    for number, victim in enumerate(victims):
        share = total * (number + 1) // (len(victims) + 2)
        wait_for(lambda: sum(f.taken for f in flows) >= share,
                 lambda: f"{share} files before kill {number} of {victim}; at {[f.taken for f in flows]}",
                 PATIENCE)
        time.sleep(dice.random() * 0.05)
        kill_and_restart(victim, ferryd, server, dice)


def test_kills__lose_nothing_and_double_nothing(ferryd, server, place):
    print(f"seed {SEED}")
    dice = random.Random(SEED)
    folders = configure(ferryd, server, place)
    ferryd.start()
    with GreedyConsumer(folders["greedy"]) as near, GreedyConsumer(folders["inbox"]) as far:
        flows = [Flow("in", folders["out"], near, random.Random(SEED + 1)),
                 Flow("out", folders["drop"], far, random.Random(SEED + 2))]
        for flow in flows:
            flow.thread.start()
        storm(ferryd, server, flows, dice)
        for flow in flows:
            flow.thread.join()
        ferryd.wait_ready()
        wait_for(lambda: all(f.taken >= len(f.ledger.sums) for f in flows),
                 lambda: f"all files; at {[f.taken for f in flows]}", PATIENCE)
        wait_for(lambda: is_settled(ferryd), "all jobs to be done", PATIENCE)
    check_all(ferryd, flows, folders)
    before = ferryd.database()
    ferryd.resume()
    for route in ("in", "out"):
        ferryd.say("poll", route)
    ferryd.stop()
    assert ferryd.database() == before, "a further start changed something"
    check_all(ferryd, flows, folders)


def is_settled(ferryd):
    open_states = ("claimed", "stored", "delivered", "held")
    return not any(ferryd.jobs("--state", state) for state in open_states)


def check_all(ferryd, flows, folders):
    ferryd.stop()
    for flow in flows:
        flow.consumer.check(flow.ledger, flow.name)
        assert visible(flow.source) == [], f"{flow.name}: sources are left"
    flows[0].ledger.check(folders["kept"], "second destination")
    for folder in list(folders.values()) + [ferryd.state / "spool"]:
        assert litter(folder) == [], "temporary files are left"
    assert visible(ferryd.state / "spool") == []
