"""The tools themselves: a test suite that lies is worse than none."""
import os
import socket
import subprocess
from pathlib import Path

import pytest

from lib.files import GreedyConsumer, Ledger, drop, visible
from lib.password_server import PasswordServer
from lib.proxy import Proxy
from lib.sshd import Sshd
from lib.syscalls import Order, read

PEERS = Path(__file__).parent.parent / "lib/ssh_peers.py"


def sftp(sshd, batch, port=None):
    return subprocess.run(
        ["sftp", "-q", "-b", "-", "-P", str(port or sshd.port), "-i", str(sshd.user_key),
         "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
         "-o", "IdentityAgent=none", "-F", "/dev/null", f"{sshd.user}@127.0.0.1"],
        input=batch, text=True, capture_output=True, timeout=30)


def test_sshd__serves_files_dies_and_comes_back(partner):
    (partner.home / "a").write_text("x")
    assert sftp(partner, f"ls {partner.home}").returncode == 0
    partner.kill()
    assert sftp(partner, "ls").returncode != 0
    partner.start()
    assert "/a" in sftp(partner, f"ls {partner.home}").stdout


def test_proxy__carries_and_cuts(partner):
    (partner.home / "big").write_bytes(bytes(1 << 20))
    with Proxy(partner.port) as proxy:
        assert sftp(partner, f"ls {partner.home}", proxy.port).returncode == 0
        proxy.cut_after = 100000
        assert sftp(partner, f"get {partner.home}/big /dev/null", proxy.port).returncode != 0


def test_evil_sftp__lists_what_it_is_told(place):
    names = place / "names"
    names.write_text(b"../x".hex() + "\n" + b"ok.txt".hex() + "\n")
    sshd = Sshd(place / "evil")
    sshd.configure(subsystem=f"/usr/bin/python3 {__file__.rsplit('/', 2)[0]}/lib/evil_sftp.py names {names}")
    sshd.start()
    try:
        run = sftp(sshd, "ls -1")
        assert "ok.txt" in run.stdout + run.stderr
    finally:
        sshd.stop()


def test_password_server__counts_attempts(place):
    with PasswordServer(place, "right") as server:
        assert server.known_hosts_line.startswith("[127.0.0.1]")
        assert server.attempts == []


NO_NAMES = """import os, socket
socket.gethostname = lambda: "machine"
socket.getfqdn = lambda *_: os._exit(9)
"""


def test_ssh_servers__ask_no_name_server(place):
    """They do so, where they do, when they begin to listen, and again before they answer a login."""
    (place / "peers").mkdir()
    (place / "sitecustomize.py").write_text(NO_NAMES)
    run = subprocess.run(["/usr/bin/python3", "-W", "ignore", PEERS, place / "peers", "password", "prompts"],
                         env={**os.environ, "PYTHONPATH": str(place)}, stdin=subprocess.DEVNULL,
                         capture_output=True, text=True, timeout=60)
    assert run.returncode == 0 and "READY" in run.stdout, run.stderr


def test_password_server__asks_no_name_server(place, monkeypatch):
    asked = []
    monkeypatch.setattr(socket, "gethostname", lambda: "machine")
    monkeypatch.setattr(socket, "getfqdn", lambda *_: asked.append(1) or "machine")
    with PasswordServer(place, "right"):
        assert not asked


def test_ledger__sees_loss_damage_and_doubles(place):
    ledger = Ledger()
    ledger.produce(place, "a", b"aaa")
    ledger.check(place, "as produced")
    drop(place, "b", b"")
    with pytest.raises(AssertionError, match="1 not ours"):
        ledger.check(place, "more")
    (place / "b").unlink()
    drop(place, "a", b"aab")
    with pytest.raises(AssertionError, match="1 not whole"):
        ledger.check(place, "damaged")
    (place / "a").unlink()
    with pytest.raises(AssertionError, match="1 lost"):
        ledger.check(place, "gone")


def test_greedy_consumer__notices_a_second_arrival(place):
    ledger = Ledger()
    with GreedyConsumer(place) as consumer:
        for _ in range(2):
            ledger.produce(place, "a", b"aaa")
            while visible(place):
                pass
    with pytest.raises(AssertionError, match="more than once"):
        consumer.check(ledger, "twice")


TRACE = """\
10 100.000100 pwrite64(7</s/ferryd.db-wal>, "x", 1, 0) = 1 <0.000010>
11 100.000200 fdatasync(7</s/ferryd.db-wal> <unfinished ...>
10 100.000300 unlink("/out/early") = 0 <0.000010>
11 100.000400 <... fdatasync resumed>) = 0 <0.000200>
10 100.000500 unlink("/out/late") = 0 <0.000010>
10 100.000600 unlink("/out/never") = -1 ENOENT (No such file or directory) <0.000010>
"""


@pytest.mark.parametrize("name,holds", [("/out/late", True), ("/out/early", False), ("/out/never", False)])
def test_order__counts_what_begins_after_the_other_has_ended(name, holds, place):
    (place / "trace").write_text(TRACE)
    order = Order(read(place / "trace"))
    order.wal_commit("a row")
    removal = lambda c: c.name == "unlink" and c.names == [name]  # noqa: E731
    if holds:
        order.then("removal", removal)
    else:
        with pytest.raises(AssertionError, match="no removal after"):
            order.then("removal", removal)
