"""The life of FTP connections: servers that let few in, end idle ones, stop, or sit behind a firewall."""
import re
import time

import pytest

from lib.evil_ftp import EvilFtp
from lib.files import Ledger, content
from lib.fixtures import push_to
from lib.ftpd import Authority, Proftpd, Vsftpd
from lib.processes import descendants
from lib.wait import PATIENCE, stays_true, wait_for

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


# ---- servers that stop ------------------------------------------------------------------------------

def evil(ferryd, place, mode, **settings):
    """An endpoint "evil" that is an EvilFtp; the server."""
    server = EvilFtp(mode, Authority(place / "evil"))
    secret = place / "evil-secret"
    secret.write_text("swordfish-canary")
    secret.chmod(0o600)
    ferryd.endpoints["evil"] = {"protocol": "ftps" if server.is_tls else "ftp", "host": "127.0.0.1",
                                "port": server.port, "user": "ferry",
                                "auth": [{"password": {"file": str(secret)}}], "list": "mlsd", **settings}
    if server.is_tls:
        ferryd.endpoints["evil"]["tls"] = {"ca": str(place / "evil" / "ca.pem")}
    return server


def fetch_evil(ferryd, place):
    (place / "evil-in").mkdir()
    ferryd.routes["evil"] = {"from": {"endpoint": "evil", "path": "/", "poll": "1s",
                                      "ready": {"stable_for": "0s"}},
                             "to": [{"path": str(place / "evil-in")}]}


HANGS = ["never_150", "never_226", "stall_data", "pasv_blackhole"]


@pytest.mark.parametrize("mode", HANGS)
def test_life__a_hung_transfer_holds_up_nobody(ferryd, serve, place, mode):
    server = evil(ferryd, place, mode)
    fetch_evil(ferryd, place)
    drop, inbox = push_to(ferryd, serve(Proftpd), place)
    ferryd.daemon["drain"] = "0s"
    ferryd.daemon["workers"] = 1  # both on the same
    ferryd.start()
    wait_for(lambda: any(c.startswith(("RETR", "EPSV")) for c in server.commands), "the transfer to hang")
    wait_for(lambda: any("evil" in f["name"] for f in ferryd.items("ps")), "its fiber")
    for number in range(5):
        send_and_wait(ferryd, drop, f"f{number}")
    assert any("evil" in f["name"] for f in ferryd.items("ps"))
    began = time.monotonic()
    ferryd.say("pause", "evil")
    paused = time.monotonic()
    ferryd.stop()
    ended = time.monotonic()
    assert paused - began < PATIENCE and ended - paused < PATIENCE, (paused - began, ended - paused)
    assert not list((place / "evil-in").iterdir())


# ---- what nobody may see ------------------------------------------------------------------------------

def test_life__password_and_account_are_masked_everywhere(ferryd, place):
    account = place / "account"
    account.write_text("cost centre")
    account.chmod(0o600)
    ferryd.trace.update({"when": "always", "mask": 1023})
    # libcurl copies the account for each operation and forgets the copy when it reuses the connection
    suppressions = place / "suppressions"
    suppressions.write_text("leak:libcurl.so\n")
    ferryd.env["LSAN_OPTIONS"] = f"suppressions={suppressions}:print_suppressions=0"
    server = evil(ferryd, place, "acct", account={"file": str(account)})
    fetch_evil(ferryd, place)
    ferryd.start()
    wait_for(lambda: [p.name for p in (place / "evil-in").iterdir()] == ["a.txt"], ferryd.told)
    shown = "".join(ferryd.say("--json", verb) for verb in ("status", "routes", "jobs", "ps"))
    ferryd.stop()
    assert "PASS swordfish-canary" in server.commands and "ACCT cost centre" in server.commands
    trace = ferryd.trace_text()
    for words in ("> USER ferry", "> PASS ***", "< 332 account?", "> ACCT ***", "> RETR /a.txt"):
        assert words in trace, trace
    replies = [line for line in trace.splitlines() if " < 2" in line]
    assert replies and all(re.search(r"\(\d+\.\d+ ms\)", line) for line in replies if "2xx" not in line
                           and not re.search(r" < 2\d\d-| < 220 ", line)), trace
    everything = trace + shown + ferryd.log_text() + "\n".join(ferryd.database())
    for canary in ("swordfish", "cost centre"):
        assert canary not in everything


def test_life__a_wrong_account_is_told(ferryd, place):
    account = place / "account"
    account.write_text("wrong centre")
    account.chmod(0o600)
    evil(ferryd, place, "acct", account={"file": str(account)})
    fetch_evil(ferryd, place)
    ferryd.start()
    error = ferryd.wait_stopped("evil")
    assert error["code"] == "FTP-LOGIN-REFUSED" and "check `account:`" in error["message"]


# ---- names that would climb ---------------------------------------------------------------------------

def test_life__hostile_names_take_nothing_and_stop_nothing(ferryd, place):
    server = evil(ferryd, place, "list_names")
    fetch_evil(ferryd, place)
    ferryd.start()
    wait_for(lambda: [p.name for p in (place / "evil-in").iterdir()] == ["a.txt"], ferryd.told)
    ferryd.stop()
    assert [c for c in server.commands if c.startswith("RETR")] == ["RETR /a.txt"]
    assert not [c for c in server.commands if c.startswith("DELE")]
    assert not (place / "up.txt").exists()
