"""The life of FTP connections: servers that let few in, end idle ones, stop, or sit behind a firewall."""
import pytest

from lib.files import Ledger, content
from lib.fixtures import push_to
from lib.ftpd import Proftpd, Vsftpd
from lib.processes import descendants
from lib.wait import stays_true, wait_for

FILES = 40


def bank(ferryd):
    return next(e for e in ferryd.items("status", "endpoint") if e["name"] == "bank")


def attempts(ferryd):
    return {delivery["attempts"] for job in ferryd.jobs()
            for delivery in ferryd.ask("show", str(job["id"]))["deliveries"]}


# ---- servers that let few in -----------------------------------------------------------------------

LIMITS = {
    "proftpd-user": (Proftpd, "explicit", "MaxClientsPerUser 1", 1),
    "proftpd-host": (Proftpd, "explicit", "MaxClientsPerHost 2", 2),
    "proftpd-implicit": (Proftpd, "implicit", "MaxClients 1", 1),
    "proftpd-plain": (Proftpd, None, 'MaxClientsPerUser 2 "Only %m simultaneous logins are allowed"', 2),
    "vsftpd": (Vsftpd, "explicit", "max_per_ip=1", 1),
    "vsftpd-all": (Vsftpd, "implicit", "max_clients=2", 2),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_life__goes_on_over_the_connections_a_server_allows(ferryd, serve, place, limit):
    make, tls, extra, allowed = LIMITS[limit]
    drop, inbox = push_to(ferryd, serve(make, tls=tls, extra=extra), place, connections=4)
    ledger = Ledger()
    for number in range(FILES):
        ledger.produce(drop, f"f{number:03d}", content(number, 20000))
    ferryd.start()
    wait_for(lambda: bank(ferryd)["connections_allowed"] == allowed, lambda: ferryd.say("status"))
    wait_for(lambda: [j["state"] for j in ferryd.jobs()] == ["done"] * FILES, "all files", 60)
    ledger.check(inbox, "inbox")
    assert attempts(ferryd) == {1} or attempts(ferryd) == {0}
    log = ferryd.log_text()
    assert log.count(f"allowed={allowed} configured=4") == 1 and "FTP-TOO-MANY" in log
    assert "error:" not in log and "fail" not in log, log
    assert f"the server allows {allowed} of the 4 connections" in ferryd.say("status")



# ---- servers that end idle connections -------------------------------------------------------------

IDLE = {"proftpd": (Proftpd, "TimeoutIdle 2"), "vsftpd": (Vsftpd, "idle_session_timeout=2")}


def sessions(server):
    """Processes of the server that serve a client."""
    return len(descendants(server.process.pid))


def send_and_wait(ferryd, drop, name):
    (drop / name).write_bytes(b"x" * 1000)
    wait_for(lambda: (ferryd.job(name) or {}).get("state") == "done", f"{name} sent")


def nothing_went_wrong(ferryd):
    log = ferryd.log_text()
    assert " warning: " not in log.partition("is running")[2] and " error: " not in log, log
    assert attempts(ferryd) <= {0, 1}
    assert not list((ferryd.traces / "bank").glob("*.trace"))


@pytest.mark.parametrize("name", IDLE)
def test_life__an_idle_timeout_of_the_server_fails_no_file(ferryd, serve, place, name):
    make, extra = IDLE[name]
    server = serve(make, extra=extra)
    drop, _ = push_to(ferryd, server, place, connections=1, keepalive="0s")
    ferryd.start()
    for number in range(2):
        send_and_wait(ferryd, drop, f"f{number}")
        assert sessions(server) > 0
        wait_for(lambda: sessions(server) == 0, "the server to log us out")
    send_and_wait(ferryd, drop, "last")
    nothing_went_wrong(ferryd)


@pytest.mark.parametrize("name", IDLE)
def test_life__a_keepalive_shorter_than_the_idle_timeout_keeps_the_connection(ferryd, serve, place, name):
    make, extra = IDLE[name]
    server = serve(make, extra=extra)
    drop, _ = push_to(ferryd, server, place, connections=1, keepalive="500ms")
    ferryd.start()
    send_and_wait(ferryd, drop, "first")
    before = descendants(server.process.pid)
    stays_true(lambda: descendants(server.process.pid) == before, "the session", 5)
    send_and_wait(ferryd, drop, "last")
    assert descendants(server.process.pid) == before != []
    nothing_went_wrong(ferryd)
