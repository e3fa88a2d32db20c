"""Secrets by reference: each way works, none is ever written down by ferryd."""
import os
import stat

import pytest

from lib.files import drop, visible
from lib.fixtures import sftp_endpoint
from lib.keys import fingerprint, make_key
from lib.password_server import PasswordServer
from lib.wait import stays_true, wait_for

CANARY = "kanarienvogel-7391"


@pytest.fixture
def password_server(place):
    home = place / "partner-home"
    (home / "out").mkdir(parents=True)
    with PasswordServer(home, CANARY) as server:
        yield server


def secret_by(kind, place, ferryd):
    """A reference of that kind to the canary."""
    file = place / "secret"
    file.write_text(CANARY + "\n")
    file.chmod(0o600)
    if kind == "credential":
        folder = place / "credentials"
        folder.mkdir()
        (folder / "partner").write_text(CANARY)
        (folder / "partner").chmod(0o400)
        ferryd.env["CREDENTIALS_DIRECTORY"] = str(folder)
        return {"credential": "partner"}
    if kind == "env":
        ferryd.env["PARTNER_PASSWORD"] = CANARY
        return {"env": "PARTNER_PASSWORD"}
    return {"file": {"file": str(file)}, "command": {"command": ["/bin/cat", str(file)]},
            "value": {"value": CANARY}}[kind]


def use_password(ferryd, server, place, reference):
    known = place / "known_hosts"
    known.write_text(server.known_hosts_line)
    ferryd.endpoints["partner"] = {
        "host": "127.0.0.1", "port": server.port, "user": server.user,
        "auth": [{"password": reference}], "host_key": {"known_hosts": str(known)},
        "trace": {"mask": 1023, "when": "always"}}
    (place / "in").mkdir()
    ferryd.routes["in"] = {"from": {"endpoint": "partner", "path": "/out", "poll": "200ms",
                                    "ready": {"stable_for": "0s"}, "after": "delete"},
                           "to": [{"path": str(place / "in")}]}


@pytest.mark.parametrize("kind", ["credential", "file", "env", "command", "value"])
def test_secrets__password_by(kind, ferryd, password_server, place):
    reference = secret_by(kind, place, ferryd)
    use_password(ferryd, password_server, place, reference)
    drop(password_server.home / "out", "a", b"abc")
    ferryd.start()
    wait_for(lambda: visible(place / "in") == ["a"], "the file")
    wait_for(lambda: [j["state"] for j in ferryd.jobs()] == ["done"], "the job to be done")
    said = "".join(ferryd.say(*verb) + ferryd.say("--json", *verb)
                   for verb in (["status"], ["routes"], ["jobs"], ["show", "1"], ["ps"]))
    ferryd.stop()
    check_no_canary(ferryd, said)
    if kind == "value":
        assert "warning" in ferryd.check()[1], "a literal secret is warned about"


def check_no_canary(ferryd, said):
    """Not in the log, a trace, the database or its log, the spool, nor in anything ferryctl says."""
    assert CANARY not in said
    assert "auth" in ferryd.trace_text(), "there is a trace to look into"
    for folder in (ferryd.state, ferryd.traces):
        for path in folder.rglob("*"):
            if path.is_file():
                assert CANARY.encode() not in path.read_bytes(), path
    assert CANARY not in ferryd.log_text()


def test_secrets__wrong_password_is_sent_once_and_not_repeated_in_words(ferryd, password_server, place):
    ferryd.env["PARTNER_PASSWORD"] = "wrong-" + CANARY
    use_password(ferryd, password_server, place, {"env": "PARTNER_PASSWORD"})
    ferryd.start()
    wait_for(lambda: "stopped" in ferryd.say("--json", "status"), "the endpoint to stop")
    stays_true(lambda: len(password_server.attempts) == 1, "one wrong password is sent once", 1)
    said = ferryd.say("status") + ferryd.say("--json", "status")
    ferryd.stop()
    check_no_canary(ferryd, said)


def test_secrets__passphrase_of_a_key(ferryd, partner, route_in, place):
    source, destination = route_in
    key = make_key(place / "locked", passphrase=CANARY)
    partner.authorize(key)
    reference = secret_by("file", place, ferryd)
    ferryd.endpoints["partner"] = sftp_endpoint(partner, trace={"mask": 1023, "when": "always"})
    ferryd.endpoints["partner"]["auth"] = [{"publickey": {"key": str(key), "passphrase": reference}}]
    drop(source, "a", b"abc")
    ferryd.start()
    wait_for(lambda: visible(destination) == ["a"], "the file")
    said = ferryd.say("status")
    ferryd.stop()
    check_no_canary(ferryd, said)


@pytest.mark.parametrize("kind,pem", [("ed25519", False), ("ecdsa", False), ("ecdsa", True), ("rsa", True)])
def test_secrets__kinds_of_keys(kind, pem, ferryd, partner, route_in, place):
    source, destination = route_in
    key = make_key(place / "other", kind, pem=pem)
    partner.authorize(key)
    if kind == "rsa":  # libssh2 1.10 signs with SHA-1 only
        partner.kill()
        partner.configure(extra="PubkeyAcceptedAlgorithms +ssh-rsa")
        partner.start()
    ferryd.endpoints["partner"]["auth"] = [{"publickey": {"key": str(key)}}]
    drop(source, "a", b"abc")
    ferryd.start()
    wait_for(lambda: visible(destination) == ["a"], lambda: f"the file\n{partner.log_text()[-2000:]}")


def test_secrets__files_open_to_others_are_refused(ferryd, password_server, place):
    reference = secret_by("file", place, ferryd)
    (place / "secret").chmod(stat.S_IRUSR | stat.S_IWUSR | stat.S_IROTH)
    use_password(ferryd, password_server, place, reference)
    ferryd.write_config()
    status, said = ferryd.check()
    if status == 0:
        ferryd.start()
        said = wait_for(lambda: "SECRET-MODE" in ferryd.log_text() and ferryd.log_text(), "the words")
    assert str(place / "secret") in said and "chmod 600" in said
    assert password_server.attempts == []


def test_secrets__pins_replace_known_hosts(ferryd, partner, route_in):
    source, destination = route_in
    ferryd.endpoints["partner"]["host_key"] = {"pins": [fingerprint(partner.host_key)]}
    drop(source, "a", b"abc")
    ferryd.start()
    wait_for(lambda: visible(destination) == ["a"], "the file")


def test_secrets__files_of_ours_are_closed_to_others(ferryd, route_in):
    source, destination = route_in
    drop(source, "a", b"abc")
    old = os.umask(0)
    try:
        ferryd.start()
    finally:
        os.umask(old)
    wait_for(lambda: visible(destination) == ["a"], "the file")
    for path in [ferryd.state / "ferryd.db", ferryd.socket]:
        assert path.stat().st_mode & 0o007 == 0, path
