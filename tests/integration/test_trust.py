"""Whom ferryd trusts: ferryctl trust, a server that changes its key, accept-new, two daemons at once."""
import json
import os
import pty
import select
import shutil
import subprocess

import pytest

from lib.ferryd import FERRYCTL, Ferryd
from lib.files import drop, visible
from lib.fixtures import sftp_endpoint
from lib.keys import fingerprint, make_key, public_key
from lib.wait import wait_for


def stopped_with(ferryd, code):
    def stopped():
        for p in ferryd.items("status", "endpoint"):
            if p["name"] == "partner" and p["state"] == "stopped" and p["error"]["code"] == code:
                return p["error"]["message"]
        return None
    return wait_for(stopped, f"the endpoint to stop with {code}")


def arrived(directory, *names):
    return lambda: visible(directory) == sorted(names)


def new_host_key(sshd, kind="ed25519"):
    for name in ("host_key", "host_key.pub"):
        (sshd.folder / name).unlink()
    make_key(sshd.folder / "host_key", kind)
    sshd.restart()


def logins(sshd):
    """How often a client has come as far as naming a user."""
    return sum("preauth" in line and " user " in line or "Accepted" in line or "Failed" in line
               for line in sshd.log_text().splitlines())


def test_trust__an_unknown_key_waits_for_the_operator(ferryd, route_in, partner):
    source, destination = route_in
    partner.known_hosts.write_text("")
    drop(source, "a", b"abc")
    ferryd.start()
    message = stopped_with(ferryd, "SSH-HOSTKEY-UNKNOWN")
    right = fingerprint(partner.host_key)
    assert f"ferryctl trust partner {right}" in message
    shown = ferryd.say("trust", "partner")
    assert "ssh-ed25519, 256 bits" in shown and right in shown and "MD5:" in shown and "not on record" in shown
    wrong = ferryd.ctl("trust", "partner", "SHA256:" + "A" * 43)
    assert wrong.returncode == 1 and "TRUST-MISMATCH" in wrong.stderr and right in wrong.stderr
    weak = ferryd.ctl("trust", "partner", "MD5:" + ":".join(["00"] * 16))
    assert weak.returncode == 1 and "can be forged" in weak.stderr
    assert partner.known_hosts.read_text() == "" and visible(destination) == []
    assert logins(partner) == 0, partner.log_text()
    said = ferryd.say("trust", "partner", right)
    assert f"stored: {partner.known_hosts}:1" in said
    assert partner.known_hosts.read_text().startswith(
        f"[127.0.0.1]:{partner.port} {public_key(partner.host_key)} ferryctl trust ")
    wait_for(arrived(destination, "a"), "the file, without anything else said")


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_trust__a_changed_key_stops_until_it_is_trusted(kind, ferryd, route_in, partner):
    source, destination = route_in
    ferryd.start()
    drop(source, "a", b"abc")
    wait_for(arrived(destination, "a"), "the first file")
    old = fingerprint(partner.host_key)
    old_line = partner.known_hosts.read_text().strip()
    new_host_key(partner, kind)
    drop(source, "b", b"abc")
    message = stopped_with(ferryd, "SSH-HOSTKEY-CHANGED")
    new = fingerprint(partner.host_key)
    assert old in message and new in message and f"{partner.known_hosts}:1" in message
    assert f"ferryctl trust partner {new}" in message
    before = logins(partner)
    result = ferryd.ask("trust", "partner", new)
    assert result["state"] == ("changed" if kind == "ed25519" else "other")
    assert result["replaced"] == [{"file": str(partner.known_hosts), "line": 1, "left": False}]
    lines = partner.known_hosts.read_text().splitlines()
    assert lines[0].startswith("# replaced, ferryctl trust") and lines[0].endswith(old_line)
    assert lines[1].split()[1:3] == public_key(partner.host_key).split()
    wait_for(arrived(destination, "a", "b"), "the second file")
    assert before < logins(partner)
    assert ferryd.ask("trust", "partner")["state"] == "ok"


def test_trust__asks_at_a_terminal(ferryd, route_in, partner):
    source, destination = route_in
    partner.known_hosts.write_text("")
    drop(source, "a", b"abc")
    ferryd.start()
    assert talk(ferryd, b"\n") == 1
    assert partner.known_hosts.read_text() == ""
    assert talk(ferryd, b"SHA256:x\n") == 1
    assert talk(ferryd, f"  {fingerprint(partner.host_key)} \n".encode()) == 0
    wait_for(arrived(destination, "a"), "the file")


def talk(ferryd, answer):
    """ferryctl trust at a pseudo terminal; its exit status."""
    master, slave = pty.openpty()
    run = subprocess.Popen([FERRYCTL, "--socket", str(ferryd.socket), "trust", "partner"], stdin=slave,
                           stdout=slave, stderr=slave, env=dict(os.environ, TERM="dumb"))
    os.close(slave)
    seen, answered = b"", False
    while True:
        ready, _, _ = select.select([master], [], [], 60)
        assert ready, seen
        try:
            data = os.read(master, 4096)
        except OSError:
            data = b""
        if not data:
            break
        seen += data
        if b"leave it): " in seen and not answered:
            os.write(master, answer)
            answered = True
    os.close(master)
    assert answered, seen
    return run.wait(60)


@pytest.fixture
def unwritable(place):
    """A file that nobody may write, root neither: a program that runs."""
    program = place / "program"
    shutil.copy("/bin/sleep", program)
    run = subprocess.Popen([str(program), "600"])
    yield program
    run.kill()
    run.wait()


def test_trust__where_known_hosts_may_not_be_written_its_own_file_serves(ferryd, route_in, partner, unwritable):
    source, destination = route_in
    ferryd.endpoints["partner"]["host_key"] = {"known_hosts": str(unwritable)}
    drop(source, "a", b"abc")
    ferryd.start()
    stopped_with(ferryd, "SSH-HOSTKEY-UNKNOWN")
    result = ferryd.ask("trust", "partner", fingerprint(partner.host_key))
    assert result["stored"] == {"file": f"{ferryd.state}/known_hosts", "line": 1, "was_there": False}
    assert (ferryd.state / "known_hosts").stat().st_mode & 0o777 == 0o600
    wait_for(arrived(destination, "a"), "the file")
    ferryd.stop()
    ferryd.resume()
    drop(source, "b", b"abc")
    wait_for(arrived(destination, "a", "b"), "the file after a restart")


def test_trust__says_what_it_cannot_do(ferryd, route_in, partner):
    ferryd.endpoints["partner"]["host_key"] = {"pins": [fingerprint(partner.user_key)]}
    ferryd.endpoints["bank"] = {"protocol": "ftps", "host": "127.0.0.1", "port": 1, "user": "u",
                                "auth": [{"password": {"env": "PATH"}}]}
    ferryd.start()
    message = stopped_with(ferryd, "SSH-HOSTKEY-CHANGED")
    assert "`pins:` of this endpoint" in message and "ferryctl reload" in message
    for words, code in ((("partner", fingerprint(partner.host_key)), "TRUST-PINS"), (("bank",), "TRUST-PROTOCOL"),
                        (("nobody",), "CONTROL-NO-ENDPOINT"), (("partner", "x"), "TRUST-FINGERPRINT")):
        run = ferryd.ctl("trust", *words)
        assert run.returncode == 1 and code in run.stderr, run.stderr


def test_trust__a_revoked_key_is_never_trusted(ferryd, route_in, partner):
    partner.known_hosts.write_text(f"@revoked * {public_key(partner.host_key)}\n")
    before = partner.known_hosts.read_text()
    ferryd.start()
    stopped_with(ferryd, "SSH-HOSTKEY-REVOKED")
    run = ferryd.ctl("trust", "partner", fingerprint(partner.host_key))
    assert run.returncode == 1 and "SSH-HOSTKEY-REVOKED" in run.stderr
    assert partner.known_hosts.read_text() == before


def test_trust__two_daemons_learn_a_key_once(ferryd, route_in, partner, place):
    source, destination = route_in
    partner.known_hosts.unlink()
    ferryd.endpoints["partner"] = sftp_endpoint(partner, host_key={
        "known_hosts": str(partner.known_hosts), "check": "accept-new"})
    other_place = place / "other"
    other_place.mkdir()
    other = Ferryd(other_place)
    other.endpoints = ferryd.endpoints
    other.routes = json.loads(json.dumps(ferryd.routes))
    away = partner.home / "away"
    away.mkdir()
    other.routes["in"]["from"]["path"] = str(away)
    other.routes["in"]["to"] = [{"path": str(other_place / "in")}]
    (other_place / "in").mkdir()
    drop(source, "a", b"abc")
    drop(away, "b", b"abc")
    ferryd.write_config()
    other.write_config()
    ferryd.launch()
    other.launch()
    try:
        wait_for(arrived(destination, "a"), "the file")
        wait_for(arrived(other_place / "in", "b"), "the other's file")
        assert len(partner.known_hosts.read_text().splitlines()) == 1
        other.stop()
    finally:
        other.kill()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_trust__a_stranger_may_not(ferryd, route_in, partner, place):
    partner.known_hosts.write_text("")
    ferryd.start()
    for folder in (place, ferryd.socket):
        folder.chmod(0o777)  # whatever the file modes say: the daemon asks the kernel who it is
    run = subprocess.run([FERRYCTL, "--socket", str(ferryd.socket), "trust", "partner",
                          fingerprint(partner.host_key)], user=65534, group=65534, extra_groups=[],
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert run.returncode == 4 and "CONTROL-NOT-PERMITTED" in run.stderr, run.stderr
    assert partner.known_hosts.read_text() == ""
    ferryd.say("trust", "partner", fingerprint(partner.host_key))
    assert "verb=trust" in ferryd.log_text()
