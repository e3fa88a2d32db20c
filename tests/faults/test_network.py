"""Bad days on the line: what is not a server, what dies, what is slow, what lies."""
import socket
import threading
from pathlib import Path

import pytest

from lib.files import Ledger, content, drop, litter, visible
from lib.fixtures import sftp_behind, sftp_endpoint
from lib.processes import free_port
from lib.proxy import Proxy
from lib.sshd import Sshd
from lib.wait import stays_true, wait_for

EVIL = Path(__file__).parents[1] / "lib" / "evil_sftp.py"
QUICK = {"first": "50ms", "most": "300ms"}


class Speaker:
    """Says something to everyone who connects, and keeps the line open."""

    def __init__(self, words):
        self.words = words
        self.heard = b""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.open = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                s, _ = self.listener.accept()
                self.open.append(s)
                s.sendall(self.words)
            except OSError:
                return

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)  # close alone does not wake accept
        for s in [self.listener] + self.open:
            s.close()


def use_port(ferryd, route_in, partner, port, **timeouts):
    """The partner is reached at another port, under its own host key."""
    ferryd.endpoints["partner"] = sftp_behind(partner, port, **({"timeouts": timeouts} if timeouts else {}))
    ferryd.routes["in"]["retry"] = QUICK


@pytest.mark.parametrize("greeting,words", [
    (b"220 ProFTPD Server ready.\r\n", ["an FTP server answers", "protocol: ftps"]),
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", ["a web server answers", "port:"]),
    (b"220 mail.example ESMTP\r\n", ["a mail server answers"]),
    (b"\x15\x03\x01\x00\x02\x02\x46", ["a TLS service answers"]),
    (b"Good morning\r\n" * 3, ["something else answers", "Good morning"]),
])
def test_network__not_an_ssh_server(greeting, words, ferryd, route_in, partner):
    with Speaker(greeting) as speaker:
        use_port(ferryd, route_in, partner, speaker.port, handshake="2s")
        ferryd.start()
        ferryd.wait_told("partner", "SSH-NOT-SSH", "not an SSH server", *words)


def test_network__a_flood_of_greetings_ends(ferryd, route_in, partner):
    with Speaker(b"welcome to the endless banner\r\n" * 20000) as speaker:
        use_port(ferryd, route_in, partner, speaker.port, handshake="3s")
        ferryd.start()
        ferryd.wait_told("partner", "SSH-")
        assert ferryd.ctl("status").returncode == 0


def test_network__a_silent_server(ferryd, route_in, partner):
    with Speaker(b"") as speaker:
        use_port(ferryd, route_in, partner, speaker.port, handshake="500ms")
        ferryd.start()
        ferryd.wait_told("partner", "SSH-BANNER-TIMEOUT", "no SSH identification came within 0.5 s")


def test_network__nobody_listens(ferryd, route_in, partner):
    use_port(ferryd, route_in, partner, free_port())
    ferryd.start()
    ferryd.wait_told("partner", "NET-REFUSED", f"port {ferryd.endpoints['partner']['port']}", "nothing listens there")
    state = [e["state"] for e in ferryd.items("status", "endpoint") if e["name"] == "partner"]
    assert state == ["retrying"]


def test_network__an_unknown_host(ferryd, route_in):
    ferryd.endpoints["partner"]["host"] = "no-such-host.invalid"
    ferryd.start()
    ferryd.wait_told("no-such-host.invalid")


def test_network__the_partner_comes_back(ferryd, route_in, partner):
    source, destination = route_in
    ferryd.routes["in"]["retry"] = QUICK
    partner.kill()
    drop(source, "a", b"abc")
    ferryd.start()
    ferryd.wait_told("NET-REFUSED")
    partner.start()
    wait_for(lambda: visible(destination) == ["a"], "the file, without anyone's help", 45)


def test_network__killed_in_the_middle_of_a_fetched_file(ferryd, route_in, partner):
    source, destination = route_in
    ledger = Ledger()
    ledger.produce(source, "large", content(1, 3_000_000))
    with Proxy(partner.port) as proxy:
        use_port(ferryd, route_in, partner, proxy.port)
        proxy.cut_after = 1_000_000
        ferryd.start()
        wait_for(lambda: proxy.connections >= 2, "a second try", 60)
        assert visible(destination) == [] and visible(source) == ["large"]
        proxy.cut_after = 0
        wait_for(lambda: visible(destination) == ["large"] and not visible(source), "the file", 60)
    ledger.check(destination, "destination")
    assert litter(destination) == []


def test_network__killed_in_the_middle_of_a_pushed_file(ferryd, route_out, partner):
    source, destination = route_out
    ferryd.routes["out"]["to"][0]["retry"] = QUICK
    ledger = Ledger()
    ledger.produce(source, "large", content(1, 30_000_000))
    ferryd.start()
    wait_for(lambda: any(n.stat().st_size > 100_000 for n in destination.glob(".large*")) or visible(destination),
             "the upload to begin", every=0.001)
    partner.restart()
    wait_for(lambda: visible(destination) == ["large"], "the file", 60)
    wait_for(lambda: [j["state"] for j in ferryd.jobs()] == ["done"], "the job")
    ledger.check(destination, "destination")
    assert litter(destination) == [] and litter(source) == []


def test_network__a_stalled_transfer_is_given_up_and_repeated(ferryd, route_in, partner):
    source, destination = route_in
    ledger = Ledger()
    ledger.produce(source, "large", content(1, 20_000_000))
    with Proxy(partner.port) as proxy:
        use_port(ferryd, route_in, partner, proxy.port, stall="1s", request="1s", handshake="2s")
        proxy.rate = 10_000_000
        ferryd.start()
        wait_for(lambda: (j := ferryd.job("large")) and j["state"] == "claimed", "the fetch to begin")
        proxy.stall = True
        ferryd.wait_told("SFTP-TIMEOUT", "large", "for 1 s")
        proxy.stall, proxy.rate = False, 0
        wait_for(lambda: visible(destination) == ["large"], "the file", 60)
    ledger.check(destination, "destination")


def test_network__a_slow_line_is_only_slow(ferryd, route_in, partner):
    source, destination = route_in
    ledger = Ledger()
    for number in range(20):
        ledger.produce(source, f"f{number}", content(number, 4096))
    with Proxy(partner.port) as proxy:
        use_port(ferryd, route_in, partner, proxy.port)
        proxy.delay = 0.05
        ferryd.start()
        wait_for(lambda: len(visible(destination)) == 20, "all files", 60)
    ledger.check(destination, "destination")


def test_network__one_dead_partner_does_not_hold_up_another(ferryd, route_in, partner, place):
    source, destination = route_in
    with Speaker(b"SSH-2.0-silence\r\n") as silent:
        ferryd.endpoints["dead"] = sftp_endpoint(partner, port=silent.port)
        (place / "dead").mkdir()
        for number in range(5):
            ferryd.routes[f"dead-{number}"] = {"from": {"endpoint": "dead", "path": f"/{number}", "poll": "200ms"},
                                               "to": [{"path": str(place / "dead")}]}
        ferryd.start()
        for number in range(5):
            drop(source, f"f{number}", b"abc")
            wait_for(lambda: f"f{number}" in visible(destination), f"f{number}", 10)  # noqa: B023


@pytest.fixture
def evil(place, ferryd):
    """evil(mode): a partner that misbehaves in that way, and a route that polls it."""
    servers = []

    def start(mode, *more):
        sshd = Sshd(place / "evil")
        sshd.configure(subsystem=" ".join(["/usr/bin/python3", str(EVIL), mode, *map(str, more)]))
        servers.append(sshd.start())
        (place / "in").mkdir()
        ferryd.endpoints["partner"] = sftp_endpoint(sshd, timeouts={"request": "2s", "stall": "2s"})
        ferryd.routes["in"] = {"from": {"endpoint": "partner", "path": "/out", "poll": "300ms",
                                        "ready": {"stable_for": "0s"}, "after": "delete"},
                               "to": [{"path": str(place / "in")}], "retry": QUICK}
        ferryd.start()
        return place / "in"
    yield start
    for sshd in servers:
        sshd.stop()


@pytest.mark.parametrize("mode,words", [
    ("truncate", []),
    ("giant", ["packet"]),
    ("wrong-id", []),
    ("stall", ["SFTP-TIMEOUT", "has not answered READDIR for 2 s"]),
    ("endless", ["LIST-TOO-LONG"]),
])
def test_network__a_server_that_breaks_the_protocol(mode, words, ferryd, evil):
    destination = evil(mode)
    ferryd.wait_told("partner", *words, seconds=60)
    wait_for(lambda: ferryd.route("in")["poll"]["error"], "the poll's error")
    assert visible(destination) == []
    stays_true(lambda: ferryd.process.poll() is None and ferryd.ctl("status").returncode == 0, "alive", 0.5)
