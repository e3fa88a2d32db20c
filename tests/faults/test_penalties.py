"""sshds that punish an address for failed logins, as OpenSSH does by default since 9.8 (PerSourcePenalties)."""
import json

import pytest

from lib.files import drop, visible
from lib.keys import make_key
from lib.pam_sshd import PamSshd, why_not
from lib.sshd import Sshd, penalties
from lib.wait import stays_true, wait_for

pytestmark = pytest.mark.skipif(not penalties(), reason="this sshd is older than 9.8: it has no PerSourcePenalties")

# One failure is less than `min`; after two, connections are dropped for twenty seconds.
PUNISHING = "PerSourcePenalties authfail:10s min:12s"


def punish(server):
    """From its next start on."""
    config = server.folder / "sshd_config"
    config.write_text(config.read_text().replace("PerSourcePenalties no", PUNISHING))


@pytest.fixture
def server(place):
    sshd = Sshd(place / "punishing")
    punish(sshd)
    yield sshd.start()
    sshd.stop()


def poll_from(ferryd, sshd, place, **more):
    """Polls very often; the source folder and the destination."""
    source, destination = sshd.home / "out", place / "in"
    source.mkdir()
    destination.mkdir()
    ferryd.endpoints["partner"] = sshd.endpoint(**more)
    ferryd.routes["in"] = {"from": {"endpoint": "partner", "path": str(source), "poll": "200ms", "ready": {"stable_for": "0s"}},
                           "to": [{"path": str(destination)}], "retry": {"first": "100ms", "most": "500ms"}}
    return source, destination


def connections(sshd):
    return sshd.log_text().count("Connection from 127.0.0.1")


def dropped(sshd):
    return sshd.log_text().count("drop connection")


def test_penalties__a_refused_key_is_shown_once(ferryd, server, place):
    before = connections(server)
    poll_from(ferryd, server, place, auth=[{"publickey": {"key": str(make_key(place / "stranger"))}}])
    ferryd.start()
    assert ferryd.wait_stopped()["code"] == "SSH-AUTH-REFUSED"
    stays_true(lambda: connections(server) == before + 1, "one login, whatever is polled", 3)
    assert dropped(server) == 0


@pytest.mark.skipif(bool(why_not()), reason=str(why_not()))
def test_penalties__a_refused_password_is_sent_once(ferryd, place):
    sshd = PamSshd(place / "passwords", methods="password")
    punish(sshd)
    sshd.start()
    try:
        poll_from(ferryd, sshd, place, auth=[{"password": {"value": "wrong"}}])
        ferryd.start()
        assert ferryd.wait_stopped()["code"] == "SSH-AUTH-REFUSED"
        stays_true(lambda: sshd.failures() == 1, "one password, whatever is polled", 3)
        assert dropped(sshd) == 0
    finally:
        sshd.stop()


def failure_of_a_test(ferryd):
    """(code, message) of what `ferryctl test partner` fails with."""
    lines = map(json.loads, ferryd.ctl("--json", "test", "partner").stdout.splitlines())
    error = next(i["error"] for i in (line.get("item", {}) for line in lines) if i.get("result") == "failed")
    return error["code"], error["message"]


def test_penalties__being_dropped_is_told_and_waited_out(ferryd, server, place):
    """An operator tries a wrong key by hand until the server drops us; a route with the right one goes on by itself."""
    ferryd.endpoints["partner"] = server.endpoint(auth=[{"publickey": {"key": str(make_key(place / "stranger"))}}])
    ferryd.start()
    told = []
    wait_for(lambda: told.append(failure_of_a_test(ferryd)) or told[-1][0] != "SSH-AUTH-REFUSED", "the server to punish us")
    code, message = told[-1]
    print(f"\n{code}: {message}")
    assert code == "SSH-BANNER-REFUSED" and len(told) <= 4, told
    for words in ("Not allowed at this time", "PerSourcePenalties", "tried again later", "ask the partner to unblock"):
        assert words in message

    logins, drops = connections(server), dropped(server)
    source, destination = poll_from(ferryd, server, place)
    drop(source, "late", b"but not lost")
    ferryd.write_config()
    ferryd.say("reload")
    ferryd.wait_told("SSH-BANNER-REFUSED", "Not allowed at this time")
    wait_for(lambda: visible(destination) == ["late"], "the punishment to end", 60)
    assert dropped(server) - drops <= 8, "it knocks with growing pauses"
    assert connections(server) - logins - (dropped(server) - drops) <= 4
