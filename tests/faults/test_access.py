"""Bad days with keys, passwords and trust: the endpoint stops, says why and what to do."""
import os

import pytest

from lib.files import drop, visible
from lib.fixtures import sftp_endpoint
from lib.keys import fingerprint, make_key, public_key
from lib.password_server import PasswordServer
from lib.sshd import Sshd
from lib.wait import stays_true, wait_for


def use_key(ferryd, key, **more):
    ferryd.endpoints["partner"]["auth"] = [{"publickey": {"key": str(key), **more}}]


def check_not_started_or_told(ferryd, *words):
    """Words come from the configuration's check or, at the latest, from the endpoint."""
    ferryd.write_config()
    status, said = ferryd.check()
    if status != 0:
        for word in words:
            assert word in said, said
    else:
        ferryd.start()
        ferryd.wait_told(*words)


def test_access__wrong_key(ferryd, route_in, place):
    use_key(ferryd, make_key(place / "unknown"))
    ferryd.start()
    error = ferryd.wait_stopped()
    assert error["kind"] == "AUTH"
    for word in ("publickey", fingerprint(place / "unknown")):
        assert word in error["message"], error
    assert error["code"] in ferryd.log_text()


def test_access__an_endpoint_that_stopped_goes_on_after_a_change(ferryd, route_in, partner, place):
    source, destination = route_in
    use_key(ferryd, make_key(place / "unknown"))
    drop(source, "a", b"abc")
    ferryd.start()
    ferryd.wait_stopped()
    use_key(ferryd, partner.user_key)
    ferryd.write_config()
    ferryd.say("reload")
    wait_for(lambda: visible(destination) == ["a"], "the file")


def test_access__resume_tries_again(ferryd, route_in, partner, place):
    source, destination = route_in
    key = make_key(place / "late")
    use_key(ferryd, key)
    drop(source, "a", b"abc")
    ferryd.start()
    ferryd.wait_stopped()
    partner.authorize(key)
    ferryd.say("resume", "in")
    wait_for(lambda: visible(destination) == ["a"], "the file, once the partner knows the key")


def test_access__wrong_password(ferryd, place):
    with PasswordServer(place, "right") as server:
        (place / "known").write_text(server.known_hosts_line)
        (place / "in").mkdir()
        ferryd.endpoints["partner"] = {"host": "127.0.0.1", "port": server.port, "user": server.user,
                                       "auth": [{"password": {"value": "wrong"}}],
                                       "host_key": {"known_hosts": str(place / "known")}}
        ferryd.routes["in"] = {"from": {"endpoint": "partner", "path": "/", "poll": "200ms"},
                               "to": [{"path": str(place / "in")}]}
        ferryd.start()
        error = ferryd.wait_stopped()
        assert error["kind"] == "AUTH" and "password" in error["message"] and "partner" in error["message"]
        stays_true(lambda: len(server.attempts) == 1, "a refused password is not sent again", 0.7)


def test_access__password_where_only_keys_are_allowed(ferryd, route_in):
    ferryd.endpoints["partner"]["auth"] = [{"password": {"value": "secret"}}]
    ferryd.start()
    error = ferryd.wait_stopped()
    assert "publickey" in error["message"], "the methods the server accepts are named"


def test_access__missing_key_file(ferryd, route_in, place):
    use_key(ferryd, place / "nowhere")
    check_not_started_or_told(ferryd, str(place / "nowhere"), "No such file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_access__unreadable_key_file(ferryd, route_in, place):
    key = make_key(place / "shut")
    key.chmod(0)
    use_key(ferryd, key)
    check_not_started_or_told(ferryd, str(key), "Permission denied")


def test_access__key_file_open_to_others(ferryd, route_in, place):
    key = make_key(place / "open")
    key.chmod(0o644)
    use_key(ferryd, key)
    check_not_started_or_told(ferryd, str(key), "chmod 600")


def test_access__key_file_that_is_no_key(ferryd, route_in, place):
    file = place / "letter"
    file.write_text("Dear partner,\n")
    file.chmod(0o600)
    use_key(ferryd, file)
    check_not_started_or_told(ferryd, str(file))
    ferryd.wait_stopped() if ferryd.process else None


def test_access__public_instead_of_private_key(ferryd, route_in, place):
    key = make_key(place / "mine")
    public = place / "mine.pub"
    public.chmod(0o600)
    use_key(ferryd, public)
    check_not_started_or_told(ferryd, str(public), "public")
    assert key.exists()


def test_access__encrypted_key_without_passphrase(ferryd, route_in, place):
    key = make_key(place / "locked", passphrase="secret words")
    use_key(ferryd, key)
    check_not_started_or_told(ferryd, str(key), "passphrase")


def test_access__wrong_passphrase(ferryd, route_in, place):
    key = make_key(place / "locked", passphrase="secret words")
    use_key(ferryd, key, passphrase={"value": "other words"})
    ferryd.start()
    error = ferryd.wait_stopped()
    assert "passphrase" in error["message"] and str(key) in error["message"]
    assert "other words" not in ferryd.told()


def test_access__unknown_host_key(ferryd, route_in, partner):
    partner.known_hosts.write_text("")
    ferryd.start()
    error = ferryd.wait_stopped()
    assert error["kind"] == "TRUST"
    for word in (fingerprint(partner.host_key), str(partner.known_hosts)):
        assert word in error["message"], error


def test_access__changed_host_key(ferryd, route_in, partner, place):
    other = make_key(place / "old_host_key")
    partner.known_hosts.write_text(f"[127.0.0.1]:{partner.port} {public_key(other)}\n")
    ferryd.start()
    error = ferryd.wait_stopped()
    assert error["kind"] == "TRUST"
    for word in (fingerprint(partner.host_key), fingerprint(other), f"{partner.known_hosts}:1"):
        assert word in error["message"], error


def test_access__wrong_pin(ferryd, route_in, partner, place):
    other = make_key(place / "other")
    ferryd.endpoints["partner"]["host_key"] = {"pins": [fingerprint(other)]}
    ferryd.start()
    error = ferryd.wait_stopped()
    assert error["kind"] == "TRUST" and fingerprint(partner.host_key) in error["message"]


def test_access__host_key_of_another_kind_is_asked_for(ferryd, place):
    """Only the ed25519 key is known, the server has ecdsa too and would rather show that one."""
    sshd = Sshd(place / "two")
    make_key(sshd.folder / "ecdsa", "ecdsa")
    sshd.configure(extra=f"HostKey {sshd.folder}/ecdsa")
    sshd.start()
    try:
        (place / "in").mkdir()
        ferryd.endpoints["partner"] = sftp_endpoint(sshd)
        ferryd.routes["in"] = {"from": {"endpoint": "partner", "path": str(sshd.home), "poll": "200ms",
                                        "ready": {"stable_for": "0s"}},
                               "to": [{"path": str(place / "in")}]}
        drop(sshd.home, "a", b"abc")
        ferryd.start()
        wait_for(lambda: visible(place / "in") == ["a"], "the file")
    finally:
        sshd.stop()
