"""Tunnels of one endpoint do not get into each other's way: what one is refused, the others do not feel."""
import asyncio
import contextlib
import socket

import asyncssh
import pytest
from asyncssh.channel import SSHChannel, SSHTCPChannel
from asyncssh.constants import MSG_CHANNEL_CLOSE

from integration.test_tunnels import Echo, configure, connect, echo, here, talk, there, tunnels, up  # noqa: F401
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


# ---- one whose target is slow --------------------------------------------------------------------

class SlowForwarder(Forwarder):
    """Connects to some targets late: `delays`, in seconds, by port."""

    def connection_made(self, connection):
        self.connection = connection

    def connection_requested(self, host, port, from_host, from_port):
        delay = self.owner.delays.get(port, 0)
        self.owner.asked.append(port)
        return self.later(delay, host, port) if delay else True

    async def later(self, delay, host, port):
        await asyncio.sleep(delay)
        return await self.connection.forward_connection(host, port)


@pytest.fixture
def slow_target():
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def slow(ferryd, place, echo, slow_target):  # noqa: F811
    """Two tunnels, to one that is connected at once and one that is not."""
    with PasswordServer(place, "right", SlowForwarder) as server:
        (place / "known_hosts").write_text(server.known_hosts_line)
        server.delays, server.asked = {}, []
        ferryd.endpoints["partner"] = {
            "protocol": "sftp", "host": "127.0.0.1", "port": server.port, "user": server.user,
            "auth": [{"password": {"value": server.password}}],
            "host_key": {"known_hosts": str(place / "known_hosts")}, "tunnels": [here(echo), here(slow_target)]}
        yield server
        ferryd.stop()


def is_cut(client):
    client.settimeout(60)
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def says_back(client, data):
    client.settimeout(60)
    client.sendall(data)
    return client.recv(len(data)) == data


def test_tunnels__each_opening_has_all_its_time_and_who_gets_no_turn_fails_alone(ferryd, slow, slow_target):
    """Three at once, 5 s each, with 8 s for a request: the second has less than its time left when
    its turn comes, the third gets none."""
    slow.delays[slow_target.port] = 5
    ferryd.endpoints["partner"]["timeouts"] = {"request": "8s"}
    ferryd.start()
    quick, late = up(ferryd)
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(connect(quick))
        assert says_back(first, b"x")
        clients = [stack.enter_context(connect(late)) for _ in range(3)]
        assert says_back(clients[0], b"a")
        assert is_cut(clients[2])
        assert says_back(clients[1], b"b")
        assert says_back(first, b"y")
        error = tunnels(ferryd)[1]["tunnel_error"]
        assert error["code"] == "TUNNEL-BUSY" and f"127.0.0.1 port {slow_target.port}" in error["message"]
        assert tunnels(ferryd)[1]["refused"] == 1
    assert "tunnels are down" not in ferryd.log_text()


def test_tunnels__one_too_slow_is_named_and_gets_a_connection_of_its_own(ferryd, slow, slow_target):
    slow.delays[slow_target.port] = 3600
    ferryd.endpoints["partner"]["timeouts"] = {"request": "4s"}
    ferryd.start()
    quick, late = up(ferryd)
    with connect(quick) as client, connect(late) as hopeless:
        assert says_back(client, b"x")
        wait_for(lambda: slow_target.port in slow.asked, "its turn")
        with connect(quick) as waiting:
            assert is_cut(hopeless) and is_cut(client) and is_cut(waiting)
    wait_for(lambda: "tunnels are down by a slow one" in ferryd.log_text(), "the reason")
    line, = [line for line in ferryd.log_text().splitlines() if "tunnels are down by a slow one" in line]
    assert "code=TUNNEL-SLOW" in line and f"127.0.0.1 port {slow_target.port} within 4.0 s" in line
    refused = [line for line in ferryd.log_text().splitlines() if "tunnel does not carry a connection" in line]
    assert len(refused) == 2 and all("code=TUNNEL-SLOW" in line for line in refused)
    quick, late = up(ferryd)
    with connect(quick) as client:
        assert says_back(client, b"x")
        with connect(late) as hopeless:
            assert is_cut(hopeless)
        wait_for(lambda: tunnels(ferryd)[1]["state"] != "up", "the slow one to be down")
        assert tunnels(ferryd)[1]["error"]["code"] == "TUNNEL-SLOW"
        assert tunnels(ferryd)[0]["state"] == "up" and says_back(client, b"y")
        slow.delays.clear()
        late = up(ferryd)[1]
        assert talk(late, b"late") == b"latebye"
        assert says_back(client, b"z")


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
