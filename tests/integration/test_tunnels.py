"""Ports carried through a real server: bytes intact both ways, kept up, bounded, refused in words."""
import contextlib
import hashlib
import os
import random
import socket
import struct
import threading

import pytest

from lib.fixtures import sftp_endpoint
from lib.processes import free_port
from lib.sshd import Sshd
from lib.wait import wait_for

MIB = 1 << 20


class Echo:
    """Says back what it hears; after the end of what it hears, a last word."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.socket.getsockname()[1]
        self.served = self.open = 0
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.socket.accept()
                self.served += 1
                self.open += 1
                threading.Thread(target=self.one, args=(client,), daemon=True).start()

    def one(self, client):
        with contextlib.suppress(OSError), client:
            while data := client.recv(65536):
                client.sendall(data)
            client.sendall(b"bye")
        self.open -= 1

    def close(self):
        self.socket.close()


@pytest.fixture
def echo():
    server = Echo()
    yield server
    server.close()


def configure(ferryd, partner, *tunnels, **more):
    ferryd.endpoints["partner"] = dict(sftp_endpoint(partner), tunnels=list(tunnels), **more)


def tunnels(ferryd):
    return ferryd.ask("status").get("tunnels", [])


def up(ferryd):
    wait_for(lambda: tunnels(ferryd) and all(t["state"] == "up" and t["port"] for t in tunnels(ferryd)),
             lambda: f"tunnels to be up: {tunnels(ferryd)}")
    return [t["port"] for t in tunnels(ferryd)]


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def talk(port, data):
    """Sends all, half-closes, returns what came back; both ways at once."""
    with connect(port) as client:
        def send():
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
        sender = threading.Thread(target=send)
        sender.start()
        got = bytearray()
        while part := client.recv(1 << 16):
            got += part
        sender.join()
    return bytes(got)


def here(echo, **more):
    return {"listen": "127.0.0.1:0", "to": f"127.0.0.1:{echo.port}", **more}


def there(echo, **more):
    return {"remote_listen": "127.0.0.1:0", "to": f"127.0.0.1:{echo.port}", **more}


@pytest.mark.parametrize("side", [here, there])
def test_tunnels__carry_bytes_intact_and_half_closed(ferryd, partner, echo, side):
    configure(ferryd, partner, side(echo))
    ferryd.start()
    port, = up(ferryd)
    data = random.Random(1).randbytes(64 * MIB)
    got = talk(port, data)
    assert hashlib.sha256(got[:-3]).digest() == hashlib.sha256(data).digest() and got[-3:] == b"bye"
    wait_for(lambda: tunnels(ferryd)[0]["connections"] == 0, "the connection to be gone")
    state, = tunnels(ferryd)
    assert state["opened"] == 1 and state["refused"] == 0 and state["error"] is None
    carried = {state["sent"], state["received"]}
    assert carried == {len(data), len(data) + 3}


def test_tunnels__end_with_a_client_that_is_cut_off(ferryd, partner, echo):
    """The target has nothing to say, and would wait as long as the client."""
    configure(ferryd, partner, here(echo))
    ferryd.start()
    port, = up(ferryd)
    with connect(port) as client:
        client.sendall(b"abc")
        assert client.recv(3) == b"abc"
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wait_for(lambda: tunnels(ferryd)[0]["connections"] == 0, "the connection to be gone")
    wait_for(lambda: echo.open == 0, "the target's side to be closed")


def test_tunnels__both_ways_beside_each_other_and_files(ferryd, partner, echo, place):
    source, destination = place / "drop", partner.home / "inbox"
    source.mkdir()
    destination.mkdir()
    configure(ferryd, partner, here(echo), there(echo))
    ferryd.routes["out"] = {"from": {"path": str(source), "after": "delete"},
                            "to": [{"endpoint": "partner", "path": str(destination)}]}
    ferryd.start()
    ports = up(ferryd)
    with connect(ports[0]) as one, connect(ports[1]) as two:
        one.sendall(b"one")
        two.sendall(b"two")
        assert one.recv(3) == b"one" and two.recv(3) == b"two"
        (source / "a").write_bytes(b"abc")
        wait_for(lambda: (destination / "a").exists(), "a file beside the tunnels")
        assert [t["connections"] for t in tunnels(ferryd)] == [1, 1]
    text = ferryd.ctl("status").stdout
    assert "TUNNEL" in text and f"127.0.0.1:{ports[1]}" in text


@pytest.mark.parametrize("side", [here, there])
def test_tunnels__many_connections_up_to_the_limit(ferryd, partner, echo, side):
    configure(ferryd, partner, side(echo, connections=20))
    ferryd.start()
    port, = up(ferryd)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(port)) for _ in range(20)]
        for number, client in enumerate(clients):
            client.sendall(b"%2d" % number)
        assert [client.recv(2) for client in clients] == [b"%2d" % n for n in range(20)]
        over = stack.enter_context(connect(port))
        over.settimeout(30)
        try:
            assert over.recv(1) == b""
        except ConnectionResetError:
            pass
        wait_for(lambda: tunnels(ferryd)[0]["refused"] == 1, "the one too many to be counted")
        assert tunnels(ferryd)[0]["tunnel_error"]["code"] == "TUNNEL-FULL"
        assert tunnels(ferryd)[0]["connections"] == 20
        clients[0].close()
        wait_for(lambda: tunnels(ferryd)[0]["connections"] == 19, "room")
        assert talk(port, b"x") == b"xbye"
    wait_for(lambda: tunnels(ferryd)[0]["connections"] == 0, "all to be gone")
    for _ in range(100):
        assert talk(port, b"x") == b"xbye"


@pytest.mark.parametrize("side", [here, there])
def test_tunnels__come_back_with_the_server(ferryd, partner, echo, side):
    port = free_port()
    tunnel = side(echo)
    for key in ("listen", "remote_listen"):
        if key in tunnel:
            tunnel[key] = f"127.0.0.1:{port}"
    configure(ferryd, partner, tunnel)
    ferryd.start()
    assert up(ferryd) == [port]
    with connect(port) as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        partner.kill()
        client.settimeout(30)
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
    wait_for(lambda: tunnels(ferryd)[0]["state"] != "up", "the loss to be noticed")
    with pytest.raises(ConnectionRefusedError):
        connect(port)
    assert tunnels(ferryd)[0]["error"] is not None
    partner.start()
    assert up(ferryd) == [port]
    assert talk(port, b"again") == b"againbye"
    assert tunnels(ferryd)[0]["error"] is None


def test_tunnels__tell_what_is_wrong_with_a_target(ferryd, partner):
    configure(ferryd, partner, {"listen": "127.0.0.1:0", "to": f"127.0.0.1:{free_port()}"},
              {"remote_listen": "127.0.0.1:0", "to": f"127.0.0.1:{free_port()}"})
    ferryd.start()
    for number, port in enumerate(up(ferryd)):
        with connect(port) as client:
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(1) == b""
        wait_for(lambda: tunnels(ferryd)[number]["refused"] == 1, "it to be counted")  # noqa: B023
        assert tunnels(ferryd)[number]["tunnel_error"]["code"] == "TUNNEL-TARGET"
        assert tunnels(ferryd)[number]["state"] == "up"


def test_tunnels__a_server_that_allows_none_says_so(ferryd, place, echo):
    partner = Sshd(place / "partner", extra="AllowTcpForwarding no").start()
    try:
        configure(ferryd, partner, here(echo))
        ferryd.start()
        port, = up(ferryd)
        with connect(port) as client:
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(1) == b""
        wait_for(lambda: tunnels(ferryd)[0]["tunnel_error"], "the refusal")
        error = tunnels(ferryd)[0]["tunnel_error"]
        assert error["code"] == "TUNNEL-REFUSED" and "AllowTcpForwarding" in error["message"]
        ferryd.stop()
        configure(ferryd, partner, there(echo))
        ferryd.start()
        wait_for(lambda: tunnels(ferryd)[0]["error"], "the refusal")
        error = tunnels(ferryd)[0]["error"]
        assert error["code"] == "TUNNEL-REFUSED" and "AllowTcpForwarding" in error["message"]
        assert tunnels(ferryd)[0]["state"] == "retrying"
    finally:
        ferryd.stop()
        partner.stop()


def test_tunnels__survive_a_server_that_asks_for_life(ferryd, place, echo):
    """sshd asks an idle client each second, and hangs up when two questions stay without answer."""
    partner = Sshd(place / "partner", extra="ClientAliveInterval 1\nClientAliveCountMax 2").start()
    try:
        configure(ferryd, partner, here(echo), keepalive="2s")
        ferryd.start()
        port, = up(ferryd)
        with connect(port) as client:
            threading.Event().wait(6)
            client.sendall(b"x")
            assert client.recv(1) == b"x"
        threading.Event().wait(5)
        assert talk(port, b"y") == b"ybye"
        assert "tunnels are down" not in ferryd.log_text()
    finally:
        ferryd.stop()
        partner.stop()


def test_tunnels__port_in_use_is_told(ferryd, partner, echo):
    configure(ferryd, partner, {"listen": f"127.0.0.1:{echo.port}", "to": "127.0.0.1:1"})
    ferryd.start()
    wait_for(lambda: tunnels(ferryd)[0]["error"], "the failure")
    assert tunnels(ferryd)[0]["error"]["code"] == "TUNNEL-LISTEN"


def test_tunnels__follow_a_reload(ferryd, partner, echo):
    configure(ferryd, partner, here(echo))
    ferryd.start()
    first, = up(ferryd)
    with connect(first) as kept:
        assert ferryd.ctl("reload").returncode == 0  # nothing has changed: it stays
        kept.sendall(b"x")
        assert kept.recv(1) == b"x"
    configure(ferryd, partner, there(echo))
    ferryd.write_config()
    assert ferryd.ctl("reload").returncode == 0
    wait_for(lambda: [t["side"] for t in tunnels(ferryd)] == ["server"], "the new one")
    port, = up(ferryd)
    assert talk(port, b"x") == b"xbye"
    with pytest.raises(ConnectionRefusedError):
        connect(first)
    del ferryd.endpoints["partner"]["tunnels"]
    ferryd.write_config()
    assert ferryd.ctl("reload").returncode == 0
    assert tunnels(ferryd) == []


def test_tunnels__send_a_refused_login_once_and_notice_a_new_key(ferryd, partner, echo):
    known = (partner.folder / "authorized_keys").read_text()
    (partner.folder / "authorized_keys").write_text("")
    configure(ferryd, partner, here(echo))
    ferryd.start()
    wait_for(lambda: tunnels(ferryd)[0]["state"] == "stopped", "the refusal")
    assert tunnels(ferryd)[0]["error"]["kind"] == "AUTH"
    refused = partner.log_text().count("authenticating user")
    assert refused >= 1
    threading.Event().wait(3)
    assert partner.log_text().count("authenticating user") == refused
    (partner.folder / "authorized_keys").write_text(known)
    os.utime(partner.user_key)  # somebody has put the key right
    port, = up(ferryd)
    assert talk(port, b"x") == b"xbye"
