"""Secrets that must be found nowhere: everything is traced and logged, everything fails in turn, then every place is searched.

A core dump is no place: the daemon allows none (RLIMIT_CORE 0, not dumpable), because while a login is under way
its secrets have to be in memory. What is left of them afterwards, in the pages that a dump would hold, is searched.
"""
import base64
import os
import re
import secrets
import socket
import subprocess
import threading
from pathlib import Path

import asyncssh
import pytest
from cryptography.hazmat.primitives import serialization

from lib.files import drop
from lib.fixtures import sftp_endpoint
from lib.keys import make_key
from lib.password_server import Judge, PasswordServer
from lib.wait import wait_for


def word():
    return "canary" + secrets.token_hex(12)


class Asker(Judge):
    """Asks for a word and a code, and says how it liked them."""

    def password_auth_supported(self):
        return False

    def kbdint_auth_supported(self):
        return True

    def get_kbdint_challenge(self, username, lang, submethods):
        return "", "", "", [("Secret word: ", False), ("One-time code: ", True)]

    def validate_kbdint_response(self, username, responses):
        self.owner.attempts.append(responses)
        return responses[0] == self.owner.password


class FtpStub:
    """Wants USER, PASS and ACCT, and then refuses."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.heard = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        answers = {"USER": b"331 Password?\r\n", "PASS": b"332 Account?\r\n", "ACCT": b"530 No.\r\n"}
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as lines:
                try:
                    connection.sendall(b"220 Hello\r\n")
                    for line in lines:
                        self.heard.append(line.decode())
                        connection.sendall(answers.get(line[:4].decode().upper(), b"502 No\r\n"))
                except OSError:
                    pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Canaries(dict):
    """name -> every form it could have"""

    def add(self, name, text):
        raw = text if isinstance(text, bytes) else text.encode()
        self[name] = [raw, base64.b64encode(raw).rstrip(b"=")[:-1], raw.hex().encode()]
        return text

    def add_key(self, name, path):
        """The private half: the seed, and the base64 of the file where it stands."""
        key = asyncssh.read_private_key(str(path))
        seed = key.pyca_key.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption())
        self.add(name, seed)
        self[name] += path.read_bytes().splitlines()[2:-2]

    def found_in(self, data):
        return [name for name, forms in self.items() for form in forms if len(form) >= 12 and form in data]


def secret_file(place, canaries, name, text=None):
    path = place / f"secret-{name}"
    path.write_text(canaries.add(name, text or word()) + "\n")
    path.chmod(0o600)
    return {"file": str(path)}


@pytest.fixture
def servers(place):
    running = []
    (place / "a").mkdir()
    (place / "b").mkdir()
    for made in (PasswordServer(place / "a", "?"), PasswordServer(place / "b", "?", Asker)):
        made.__enter__()
        running.append(made)
    (place / "known").write_text("".join(s.known_hosts_line for s in running))
    ftp = FtpStub()
    yield running[0], running[1], ftp
    ftp.close()
    for made in running:
        made.__exit__(None, None, None)


def configure(ferryd, partner, servers, place, canaries):
    by_password, by_prompts, ftp = servers
    passphrase = secret_file(place, canaries, "passphrase")
    key = make_key(place / "closed-key")
    stranger = make_key(place / "open-key")
    canaries.add_key("private key", key)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", canaries["passphrase"][0].decode(), "-f", str(key)],
                   check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    canaries.add_key("private key in clear", stranger)
    partner.authorize(key)
    good, wrong = secret_file(place, canaries, "password"), secret_file(place, canaries, "wrong password")
    answer = secret_file(place, canaries, "answer")
    by_password.password = canaries["password"][0].decode()
    by_prompts.password = canaries["answer"][0].decode()
    known = {"known_hosts": str(place / "known")}
    (place / "none").touch()

    def login(server, *auth, **more):
        return dict({"protocol": "sftp", "host": "127.0.0.1", "port": server.port, "user": server.user,
                     "auth": list(auth), "host_key": known}, **more)

    def prompts(name, words):
        """No one-time code is sent twice: each endpoint has its own, else it waits half a minute."""
        totp = secret_file(place, canaries, f"totp of {name}", base64.b32encode(secrets.token_bytes(20)).decode())
        canaries.add(f"totp of {name}, raw", base64.b32decode(canaries[f"totp of {name}"][0]))
        return {"keyboard-interactive": [{"prompt": "word", "answer": words}, {"prompt": "code", "totp": totp}]}

    mine = [{"publickey": {"key": str(key), "passphrase": passphrase}}]
    ferryd.endpoints.update({
        "key": sftp_endpoint(partner, auth=mine),
        "key-refused": sftp_endpoint(partner, auth=[{"publickey": {"key": str(stranger)}}]),
        "key-locked": sftp_endpoint(partner, auth=[{"publickey": {"key": str(key), "passphrase": wrong}}]),
        "password": login(by_password, {"password": good}),
        "password-refused": login(by_password, {"password": wrong}),
        "prompts": login(by_prompts, prompts("prompts", answer)),
        "prompts-refused": login(by_prompts, prompts("prompts-refused", wrong)),
        "prompts-unknown": login(by_prompts, {"keyboard-interactive": [{"prompt": "word", "answer": answer}]}),
        "untrusted": login(by_password, {"password": good}, host_key={"known_hosts": str(place / "none")}),
        "ftp": {"protocol": "ftp", "host": "127.0.0.1", "port": ftp.port, "user": "u", "auth": [{"password": good}],
                "account": secret_file(place, canaries, "account")},
    })
    source = partner.home / "out"
    source.mkdir()
    for name in ("key", "password-refused", "ftp"):
        (place / f"in-{name}").mkdir()
        ferryd.routes[f"from-{name}"] = {"from": {"endpoint": name, "path": str(source), "poll": "200ms",
                                                  "ready": {"stable_for": "0s"}, "after": "delete"},
                                         "to": [{"path": str(place / f"in-{name}")}]}
    drop(source, "a", b"abc")
    ferryd.daemon["log_level"] = "debug"
    ferryd.trace.update({"mask": 1023, "when": "always"})


def everything_said(ferryd):
    said = ""
    for name in ferryd.endpoints:
        run = ferryd.ctl("--json", "test", name, "--write")
        said += run.stdout + run.stderr
    for arguments in (["status"], ["routes"], ["jobs"], ["ps"], ["show", "1"], ["trace"], ["trace", "key", "1023"], ["trust", "key"],
                      ["reload"]):
        for form in ([], ["--json"]):
            run = ferryd.ctl(*form, *arguments)
            said += run.stdout + run.stderr
    return said


def dumpable_memory(pid):
    """What a core dump would hold: every writable page that is not marked as not to be dumped."""
    regions, flags = [], None
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if head := re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+\s*(.*)", line):
            flags = head
        elif line.startswith("VmFlags:") and flags and "w" in flags[3] and " dd" not in line:
            regions.append((int(flags[1], 16), int(flags[2], 16)))
    with open(f"/proc/{pid}/mem", "rb") as memory:
        for begin, end in regions:
            for at in range(begin, end, 1 << 24):
                try:
                    memory.seek(at)
                    yield memory.read(min(1 << 24, end - at))
                except (OSError, OverflowError):
                    break  # a guard page, or gone


def test_canaries__are_found_nowhere(ferryd, partner, servers, place):
    canaries = Canaries()
    configure(ferryd, partner, servers, place, canaries)
    ferryd.start()
    wait_for(lambda: any(j["state"] == "done" for j in ferryd.jobs()), "the one file that goes")
    said = everything_said(ferryd)
    for code in ("SSH-AUTH-REFUSED", "SSH-KEY-PASSPHRASE", "SSH-AUTH-PROMPT", "SSH-HOSTKEY-UNKNOWN", "FTP-LOGIN-REFUSED"):
        assert code in said, f"{code} was not provoked"
    assert canaries["password"][0].decode() in "".join(p for _, p in servers[0].attempts)  # it was sent, indeed
    assert any(canaries["answer"][0].decode() in r for r in servers[1].attempts)
    assert any(line.startswith("ACCT") and canaries["account"][0].decode() in line for line in servers[2].heard)

    pid = ferryd.process.pid
    for name in ("environ", "cmdline", "status", "maps", "limits"):
        assert not canaries.found_in(Path(f"/proc/{pid}/{name}").read_bytes()), name
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert re.search(r"Max core file size\s+0\s+0", limits), limits
    ferryd.stop()
    assert not canaries.found_in(said.encode())
    assert not canaries.found_in(ferryd.log_text().encode())
    files = [p for folder in (ferryd.state, ferryd.traces) for p in folder.rglob("*") if p.is_file()]
    assert any(p.suffix == ".trace" for p in files) and any(p.name == "ferryd.db" for p in files)
    for path in files:
        assert not canaries.found_in(path.read_bytes()), path
    assert not canaries.found_in("\n".join(ferryd.database()).encode())


@pytest.mark.skipif(os.geteuid() != 0, reason="reads another process's memory")
def test_canaries__of_a_login_nothing_is_left_in_memory(ferryd, partner, servers, place):
    """libcurl keeps the password of a connection as long as that lives, so FTP is left out."""
    canaries = Canaries()
    configure(ferryd, partner, servers, place, canaries)
    del ferryd.endpoints["ftp"], ferryd.routes["from-ftp"], canaries["account"]
    ferryd.start()
    wait_for(lambda: any(j["state"] == "done" for j in ferryd.jobs()), "the one file that goes")
    for name in ferryd.endpoints:
        ferryd.ctl("test", name)
    pieces = list(dumpable_memory(ferryd.process.pid))
    assert any(str(ferryd.traces).encode() in piece for piece in pieces)  # so much is seen
    assert not sorted({name for piece in pieces for name in canaries.found_in(piece)})
