"""Tunnels of one endpoint do not get into each other's way: what one is refused, the others do not feel."""
import contextlib
import socket

import asyncssh
import pytest
from asyncssh.channel import SSHChannel, SSHTCPChannel
from asyncssh.constants import MSG_CHANNEL_CLOSE

from integration.test_tunnels import configure, connect, echo, here, talk, there, tunnels, up  # noqa: F401
from lib.password_server import Judge, PasswordServer
from lib.processes import free_port
from lib.wait import wait_for


class Forwarder(Judge):
    """Listens for whoever asks."""

    def server_requested(self, listen_host, listen_port):
        return True


@pytest.fixture
def held(monkeypatch):
    """A server that does not answer the close of a forwarded connection's channel: those that wait."""
    original, waiting = SSHChannel._packet_handlers[MSG_CHANNEL_CLOSE], []

    def hold(channel, *packet):
        if isinstance(channel, SSHTCPChannel):
            waiting.append(channel)
            return True
        return original(channel, *packet)

    monkeypatch.setitem(SSHChannel._packet_handlers, MSG_CHANNEL_CLOSE, hold)
    return waiting


@pytest.fixture
def forwarder(ferryd, place):
    with PasswordServer(place, "right", Forwarder) as server:
        (place / "known_hosts").write_text(server.known_hosts_line)
        ferryd.endpoints["partner"] = {
            "protocol": "sftp", "host": "127.0.0.1", "port": server.port, "user": server.user,
            "auth": [{"password": {"value": server.password}}],
            "host_key": {"known_hosts": str(place / "known_hosts")}}
        yield server
        ferryd.stop()


def full_and_other(echo):  # noqa: F811
    return [dict(there(echo, connections=most), remote_listen=f"127.0.0.1:{free_port()}") for most in (1, 2)]


def test_tunnels__one_that_is_full_does_not_stop_the_others(ferryd, forwarder, held, echo):  # noqa: F811
    """The server leaves the closes of those that were too many unanswered."""
    ferryd.endpoints["partner"]["tunnels"] = full_and_other(echo)
    ferryd.start()
    full, other = up(ferryd)
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(connect(full))
        first.sendall(b"x")
        assert first.recv(1) == b"x"
        for number in range(3):
            stack.enter_context(connect(full))
        wait_for(lambda: tunnels(ferryd)[0]["refused"] == 3, "the three too many to be refused")
        wait_for(lambda: len(held) == 3, "their closes")
        second = stack.enter_context(connect(other))
        second.sendall(b"y")
        assert second.recv(1) == b"y"
        first.sendall(b"z")
        assert first.recv(1) == b"z"
        assert len(held) == 3
    assert "tunnels are down" not in ferryd.log_text()


def test_tunnels__many_too_many_are_borne(ferryd, forwarder, held, echo):  # noqa: F811
    """All at once, and the server closes none of them: whoever comes next does not wait for that."""
    ferryd.endpoints["partner"]["tunnels"] = full_and_other(echo)
    ferryd.start()
    full, other = up(ferryd)
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(connect(full))
        wait_for(lambda: tunnels(ferryd)[0]["connections"] == 1, "the one that there is room for")
        for number in range(200):
            stack.enter_context(connect(full))
        wait_for(lambda: len(held) == 200, "their closes")
        second = stack.enter_context(connect(other))
        second.sendall(b"y")
        assert second.recv(1) == b"y"
        first.sendall(b"z")
        assert first.recv(1) == b"z"
    assert "tunnels are down" not in ferryd.log_text()


# ---- one that cannot listen ----------------------------------------------------------------------

@pytest.mark.parametrize("key,code,says", [("listen", "TUNNEL-LISTEN", "Address already in use"),
                                           ("remote_listen", "TUNNEL-REFUSED", "the port is taken there")])
def test_tunnels__one_that_cannot_listen_is_tried_apart(ferryd, partner, echo, key, code, says):  # noqa: F811
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    configure(ferryd, partner, here(echo), {key: f"127.0.0.1:{port}", "to": f"127.0.0.1:{echo.port}"}, there(echo))
    ferryd.start()
    wait_for(lambda: [t["state"] for t in tunnels(ferryd)] == ["up", "retrying", "up"], lambda: f"two of three: {tunnels(ferryd)}")
    refused = tunnels(ferryd)[1]["error"]
    assert refused["code"] == code and f"127.0.0.1 port {port}" in refused["message"] and says in refused["message"]
    assert [t["error"] for t in tunnels(ferryd)[::2]] == [None, None]
    assert f"{code}" in ferryd.ctl("status").stdout
    assert "warning: tunnel is down, the others are not endpoint=partner" in ferryd.log_text()
    with connect(tunnels(ferryd)[0]["port"]) as kept, connect(tunnels(ferryd)[2]["port"]) as other:
        taken.close()
        up(ferryd)
        assert talk(port, b"late") == b"latebye"
        for client in kept, other:
            client.sendall(b"x")
            assert client.recv(1) == b"x"
    assert tunnels(ferryd)[1]["error"] is None


def test_tunnels__where_none_can_listen_each_says_why(ferryd, partner, echo):  # noqa: F811
    with contextlib.ExitStack() as stack:
        ports = [stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for _ in range(2)]
        configure(ferryd, partner, *[{"listen": f"127.0.0.1:{p}", "to": f"127.0.0.1:{echo.port}"} for p in ports])
        ferryd.start()
        wait_for(lambda: all(t["tunnel_error"] for t in tunnels(ferryd)), "both reasons")
        for tunnel, port in zip(tunnels(ferryd), ports):
            assert "none of 2 tunnels can listen" in tunnel["error"]["message"]
            assert f"port {port}" in tunnel["tunnel_error"]["message"]
    assert up(ferryd) == ports
    assert [t["tunnel_error"] for t in tunnels(ferryd)] == [None, None]
    assert talk(ports[1], b"x") == b"xbye"


def test_tunnels__those_apart_come_back_with_the_server_and_end_with_a_reload(ferryd, partner, echo):  # noqa: F811
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    configure(ferryd, partner, here(echo), dict(there(echo), remote_listen=f"127.0.0.1:{port}"))
    ferryd.start()
    wait_for(lambda: [t["state"] for t in tunnels(ferryd)] == ["up", "retrying"], "the first")
    taken.close()
    up(ferryd)
    partner.kill()
    wait_for(lambda: all(t["state"] != "up" for t in tunnels(ferryd)), "both losses to be noticed")
    partner.start()
    up(ferryd)
    assert talk(port, b"again") == b"againbye"
    del ferryd.endpoints["partner"]["tunnels"]
    ferryd.write_config()
    assert ferryd.ctl("reload").returncode == 0
    assert tunnels(ferryd) == []
    with pytest.raises(ConnectionRefusedError):
        connect(port)
