"""Tunnels of one endpoint do not get into each other's way: what one is refused, the others do not feel."""
import contextlib

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
    """More than are kept in mind, and none of them is closed by the server."""
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
