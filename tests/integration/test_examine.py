"""ferryctl test: where a connection stops and why, and what the server is."""
import json

import pytest

from lib.fixtures import sftp_endpoint
from lib.ftpd import Proftpd
from lib.keys import make_key
from lib.processes import free_port
from lib.wait import wait_for


def walk(ferryd, *arguments):
    """(exit status, {step: result}, facts, result)"""
    run = ferryd.ctl("--json", "test", *arguments)
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    items = [line["item"] for line in lines if "item" in line]
    steps = {i["name"]: i for i in items if i["kind"] == "step"}
    facts = [(i["name"], i["value"]) for i in items if i["kind"] == "fact"]
    assert lines and lines[-1]["ok"], run
    return run.returncode, steps, facts, lines[-1]["result"]


def failed(steps):
    return [(name, s["error"]["code"]) for name, s in steps.items() if s["result"] == "failed"]


def left_behind(folder):
    return [p.name for p in folder.iterdir() if "ferryd" in p.name]


@pytest.fixture
def running(ferryd, partner):
    ferryd.endpoints["partner"] = sftp_endpoint(partner)
    return ferryd.start()


def test_examine__every_step_and_the_passport(running, partner):
    status, steps, facts, result = walk(running, "partner", "--write", "--path", str(partner.home))
    assert status == 0 and result["passed"] and not failed(steps)
    assert list(steps) == ["secrets", "dns", "tcp", "identification", "kex", "host-key", "login", "subsystem", "extensions",
                           "home", "list", "write", "read", "rename", "replace", "remove"]
    known = dict(facts)
    assert known["software"].startswith("SSH-2.0-OpenSSH") and known["host key"].startswith("ssh-ed25519 SHA256:")
    assert known["cipher to server"].startswith("aes") and known["SFTP version"] == "3"
    assert ("extension", "posix-rename@openssh.com 1") in facts and "handles" in known["limits"]
    assert known["replacing rename"] == "real, in one step" and "from ours" in known["clock"]
    assert "ms" in known["round trip"] and "MB/s" in known["upload"] and "MB/s" in known["download"]
    assert known["login directory"].startswith("/") and "MiB free" in known["disk"]
    assert "publickey" in steps["login"]["says"] and "connected" in steps["tcp"]["says"]
    assert left_behind(partner.home) == []


def test_examine__people_read_ticks(running):
    text = running.say("test", "partner")
    assert "ok  " in text and "key exchange" in text and "Everything that was tried works." in text and "software" in text


def test_examine__a_refused_login_stops_and_says_so(ferryd, route_in, place):
    ferryd.start()
    wait_for(lambda: ferryd.say("test", "partner"), "a good test")
    ferryd.stop()
    ferryd.routes["in"]["from"]["poll"] = "1h"
    ferryd.endpoints["partner"]["auth"] = [{"publickey": {"key": str(make_key(place / "stranger"))}}]
    ferryd.start()
    status, steps, _, result = walk(ferryd, "partner")
    assert status == 1 and failed(steps) == [("login", "SSH-AUTH-REFUSED")] and result["stops"]
    assert ferryd.wait_stopped()["code"] == "SSH-AUTH-REFUSED"
    run = ferryd.ctl("test", "partner")
    assert run.returncode == 1 and "FAIL" in run.stdout and "The endpoint is stopped" in run.stdout and "The trace: " in run.stdout


def test_examine__an_unknown_key_does_not_count(ferryd, route_in, partner):
    partner.known_hosts.write_text("")
    ferryd.start()
    assert ferryd.wait_stopped()["code"] == "SSH-HOSTKEY-UNKNOWN"
    status, steps, _, result = walk(ferryd, "partner")
    assert status == 1 and failed(steps) == [("host-key", "SSH-HOSTKEY-UNKNOWN")] and not result["stops"]


def test_examine__works_while_stopped_and_starts_nothing(ferryd, route_in, partner):
    authorized = partner.folder / "authorized_keys"  # the partner's: ferryd cannot see it change
    keys = authorized.read_text()
    authorized.write_text("")
    ferryd.start()
    assert ferryd.wait_stopped()["code"] == "SSH-AUTH-REFUSED"
    authorized.write_text(keys)
    assert walk(ferryd, "partner")[0] == 0
    assert ferryd.wait_stopped()["code"] == "SSH-AUTH-REFUSED"


def test_examine__tells_where_it_stops(ferryd, partner, place):
    ferryd.endpoints["nowhere"] = dict(sftp_endpoint(partner), host="no-such-host.invalid")
    ferryd.endpoints["closed"] = dict(sftp_endpoint(partner), port=free_port())
    ferryd.endpoints["partner"] = sftp_endpoint(partner)
    ferryd.start()
    assert failed(walk(ferryd, "nowhere")[1])[0][0] == "dns"
    assert failed(walk(ferryd, "closed")[1]) == [("tcp", "NET-REFUSED")]
    assert failed(walk(ferryd, "partner", "--path", str(place / "missing"))[1]) == [("list", "OBJ-MISSING")]
    run = ferryd.ctl("test", "partnre")
    assert run.returncode == 1 and "CONTROL-NO-ENDPOINT" in run.stderr and 'mean "partner"' in run.stderr


def test_examine__a_probe_that_may_not_be_written(ferryd, partner):
    partner.configure(subsystem="internal-sftp -R")
    partner.restart()
    ferryd.endpoints["partner"] = sftp_endpoint(partner)
    ferryd.start()
    status, steps, _, _ = walk(ferryd, "partner", "--write", "--path", str(partner.home))
    assert status == 1 and failed(steps) == [("write", "OBJ-DENIED")] and left_behind(partner.home) == []


# ---- FTPS and FTP ----

@pytest.fixture
def bank(place):
    server = Proftpd(place / "server", tls="explicit").start()
    yield server
    server.stop()


def test_examine__ftps_every_step_and_the_passport(ferryd, bank):
    _, path = bank.make_folder("in")
    ferryd.endpoints["bank"] = bank.endpoint()
    ferryd.start()
    status, steps, facts, _ = walk(ferryd, "bank", "--write", "--path", path)
    assert status == 0, steps
    assert list(steps) == ["secrets", "dns", "tcp", "greeting", "tls", "login", "features", "home", "list",
                           "write", "read", "rename", "replace", "remove"]
    known = dict(facts)
    assert "MLSD" in known["features"] and known["valid until"] and known["certificate of"] and \
        known["login directory"].startswith("/")


def test_examine__ftps_tells_where_it_stops(ferryd, bank, partner):
    ferryd.endpoints.update({
        "untrusted": dict(bank.endpoint(), tls={"mode": "explicit"}),
        "refused": dict(bank.endpoint(), auth=[{"password": {"value": "wrong"}}]),
        "closed": dict(bank.endpoint(), port=free_port()),
        "ssh": dict(bank.endpoint(), port=partner.port)})
    ferryd.start()
    assert failed(walk(ferryd, "untrusted")[1])[0] == ("tls", "TLS-UNKNOWN-CA")
    assert failed(walk(ferryd, "refused")[1])[0] == ("login", "FTP-LOGIN-REFUSED")
    assert failed(walk(ferryd, "closed")[1])[0] == ("tcp", "NET-REFUSED")
    assert failed(walk(ferryd, "ssh")[1])[0] == ("greeting", "FTP-NOT-FTP")
