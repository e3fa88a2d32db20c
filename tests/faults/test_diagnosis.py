"""Each way to fail to connect, provoked: the step it stops at, its code, and words that name cause and cure.

`pytest -s` prints what an operator reads.
"""
import json
import os
import socket
import struct
import subprocess
import textwrap
import threading

import asyncssh
import pytest

from lib.ferryd import FERRYCTL, FERRYD
from lib.files import drop, visible
from lib.fixtures import sftp_endpoint
from lib.keys import fingerprint, make_key, public_key
from lib.password_server import Judge, PasswordServer
from lib.processes import free_port
from lib.proxy import Proxy
from lib.ssh_peers import BYTES
from lib.sshd import Sshd
from lib.wait import wait_for

LINE, LINES = 160, 3  # as adapters/brief.h has it: what an operator is made to read
VERSION = subprocess.run([FERRYD, "--version"], capture_output=True, text=True).stdout
OLD_LIBSSH2 = "libssh2 1.10" in VERSION


def check_brief(message):
    """Cause and cure in three lines, wrapped at blanks."""
    lines = textwrap.wrap(message, LINE, break_on_hyphens=False)
    assert "\n" not in message and len(lines) <= LINES, lines


def check(ferryd, step, code, *words, arguments=()):
    """The test of endpoint `partner` fails at `step` with `code`, and says all of `words`."""
    if ferryd.process is None:
        ferryd.start()
    run = ferryd.ctl("--json", "test", "partner", *arguments)
    items = [line["item"] for line in map(json.loads, run.stdout.splitlines()) if "item" in line]
    failed = [i for i in items if i["kind"] == "step" and i["result"] == "failed"]
    assert run.returncode == 1 and len(failed) == 1, run
    error = failed[0]["error"]
    print(f"\n{failed[0]['words']}: {error['code']}: {error['message']}")
    assert (failed[0]["name"], error["code"]) == (step, code), error
    for word in words:
        assert word in error["message"], f"{word} in: {error['message']}"
    check_brief(error["message"])
    explained = subprocess.run([FERRYCTL, "explain", code], capture_output=True, text=True)
    assert explained.returncode == 0 and "What to do" in explained.stdout
    return error


class Talker:
    """Says what no SSH server would say."""

    def __init__(self, serve):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, args=[serve], daemon=True).start()

    def accept(self, serve):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=[serve, connection], daemon=True).start()

    @staticmethod
    def talk(serve, connection):
        with connection:
            try:
                serve(connection)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass
            except OSError:
                pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@pytest.fixture
def talker():
    made = []
    yield lambda mode: made.append(Talker(BYTES[mode])) or made[-1]
    for one in made:
        one.close()


@pytest.fixture
def reach(ferryd, partner):
    """reach(...) configures the endpoint `partner`, to be changed."""
    def configure(**more):
        ferryd.endpoints["partner"] = dict(sftp_endpoint(partner), **more)
        return ferryd.endpoints["partner"]
    return configure


# ---- before the login ----

@pytest.mark.parametrize("mode, code, words", [
    ("ftp", "SSH-NOT-SSH", ["an FTP server", "protocol: ftps"]),
    ("http", "SSH-NOT-SSH", ["a web server", "Correct `host:` or `port:`"]),
    ("tls", "SSH-NOT-SSH", ["a TLS service", "protocol: ftps"]),
    ("silence", "SSH-BANNER-TIMEOUT", ["no SSH identification", "firewall"]),
    ("close", "SSH-BANNER-REFUSED", ["without a word", "ask the partner"]),
    ("notallowed", "SSH-BANNER-REFUSED", ["Not allowed at this time", "PerSourcePenalties", "MaxStartups"]),
    ("maxstartups", "SSH-BANNER-REFUSED", ["Exceeded MaxStartups", "tried again"]),
    ("flood", "SSH-BANNER-FLOOD", ["cut off", "check `host:`"]),
])
def test_diagnosis__what_answers(mode, code, words, ferryd, reach, talker):
    reach(port=talker(mode).port, timeouts={"handshake": "1s"})
    check(ferryd, "identification", code, *words)


@pytest.mark.parametrize("mode, code, words", [
    ("identified_silence", "SSH-KEX-TIMEOUT", ["key exchange", "timeouts: {handshake"]),
    ("identified_close", "SSH-LOST", ["during key exchange"]),
    ("disconnect", "SSH-LOST", ["go away"]),
])
def test_diagnosis__an_exchange_that_breaks(mode, code, words, ferryd, reach, talker):
    reach(port=talker(mode).port, timeouts={"handshake": "1s"})
    check(ferryd, "kex", code, *words)


@pytest.mark.parametrize("code, extra, ours", [
    ("SSH-KEX-NO-KEX", "KexAlgorithms ecdh-sha2-nistp521", {"kex": "curve25519-sha256"}),
    ("SSH-KEX-NO-HOSTKEY", "", {"host_keys": "ecdsa-sha2-nistp256"}),
    ("SSH-KEX-NO-CIPHER", "Ciphers aes256-ctr", {"ciphers": "aes128-ctr"}),
    ("SSH-KEX-NO-MAC", "Ciphers aes128-ctr\nMACs hmac-sha2-512", {"ciphers": "aes128-ctr", "macs": "hmac-sha2-256"}),
])
def test_diagnosis__no_common_algorithm(code, extra, ours, ferryd, reach, partner):
    partner.configure(extra=extra)
    partner.restart()
    reach(algorithms={k: [v] for k, v in ours.items()})
    name = {"SSH-KEX-NO-KEX": "kex", "SSH-KEX-NO-HOSTKEY": "host_keys", "SSH-KEX-NO-CIPHER": "ciphers", "SSH-KEX-NO-MAC": "macs"}[code]
    check(ferryd, "kex", code, "the server (SSH-2.0-OpenSSH", "offers: ", "we (libssh2", ours[name], f"algorithms: {{{name}")


def kexinit(ciphers):
    """RFC 4253 §7.1, in a packet (§6) without encryption."""
    lists = [["curve25519-sha256"], ["ssh-ed25519"], ciphers, ciphers, ["hmac-sha2-256"], ["hmac-sha2-256"],
             ["none"], ["none"], [], []]
    payload = b"\x14" + bytes(16)
    for names in lists:
        text = ",".join(names).encode()
        payload += struct.pack(">I", len(text)) + text
    payload += bytes(5)
    padding = 8 - (len(payload) + 5) % 8 + 8
    return struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)


@pytest.mark.parametrize("count, words", [
    (0, ["offers: (unknown); we ("]),
    (1, ["offers: cipher-000@hostile.example; we ("]),
    (200, ["offers: cipher-000@hostile.example, ", " more, all in the trace; we ("]),
])
def test_diagnosis__a_list_of_any_length(count, words, ferryd, reach):
    """Shown as far as three lines go; the trace has all of it."""
    names = [f"cipher-{i:03}@hostile.example" for i in range(count)]
    server = Talker(lambda s: s.sendall(b"SSH-2.0-hostile\r\n" + kexinit(names)))
    try:
        reach(port=server.port, timeouts={"handshake": "5s"})
        check(ferryd, "kex", "SSH-KEX-NO-CIPHER", "Ask the partner to allow aes128-ctr", *words)
        trace = ferryd.trace_text()
        assert all(name in trace for name in names), trace[-6000:]
    finally:
        server.close()


@pytest.mark.skipif(not OLD_LIBSSH2, reason="libssh2 1.11 signs and checks RSA with SHA-2")
def test_diagnosis__an_rsa_host_key_with_libssh2_1_10(ferryd, place):
    sshd = Sshd(place / "rsa", host_key="rsa", extra="HostKeyAlgorithms rsa-sha2-512,rsa-sha2-256").start()
    try:
        ferryd.endpoints["partner"] = sftp_endpoint(sshd)
        check(ferryd, "kex", "SSH-KEX-NO-HOSTKEY", "SHA-2", "Ed25519 or ECDSA")
    finally:
        sshd.stop()


# ---- trust ----

def test_diagnosis__an_unknown_host_key(ferryd, reach, partner):
    partner.known_hosts.write_text("")
    reach()
    check(ferryd, "host-key", "SSH-HOSTKEY-UNKNOWN", fingerprint(partner.host_key), "ferryctl trust")


def test_diagnosis__a_changed_host_key(ferryd, reach, partner, place):
    other = make_key(place / "other")
    partner.known_hosts.write_text(f"[127.0.0.1]:{partner.port} {public_key(other)}\n")
    reach()
    check(ferryd, "host-key", "SSH-HOSTKEY-CHANGED", fingerprint(partner.host_key), fingerprint(other),
          f"{partner.known_hosts}:1", "No login was sent", "ferryctl trust")


def test_diagnosis__a_revoked_host_key(ferryd, reach, partner):
    with partner.known_hosts.open("a") as f:
        f.write(f"@revoked * {public_key(partner.host_key)}\n")
    reach()
    check(ferryd, "host-key", "SSH-HOSTKEY-REVOKED", fingerprint(partner.host_key), "ask the partner")


def test_diagnosis__an_expired_host_certificate(ferryd, reach, partner, place):
    """@cert-authority in known_hosts; sshd shows a certificate of it that was good until 2021."""
    authority = make_key(place / "ca")
    subprocess.run(["ssh-keygen", "-q", "-s", str(authority), "-h", "-I", "sftp", "-n", "127.0.0.1",
                    "-V", "20200101:20210101", f"{partner.host_key}.pub"], check=True)
    partner.configure(extra=f"HostCertificate {partner.host_key}-cert.pub")
    partner.restart()
    partner.known_hosts.write_text(f"@cert-authority [127.0.0.1]:{partner.port} {public_key(authority)}\n")
    reach()
    check(ferryd, "host-key", "SSH-HOSTKEY-CERT", "has expired (2021-01-01T00:00:00.000Z)", f"{partner.known_hosts}:1",
          "No login was sent", "Ask the partner for a certificate that is valid",
          f"ferryctl trust partner {fingerprint(partner.host_key)}")


# ---- login ----

def test_diagnosis__a_key_that_is_not_installed(ferryd, reach, place):
    key = make_key(place / "stranger")
    reach(auth=[{"publickey": {"key": str(key)}}])
    check(ferryd, "login", "SSH-AUTH-REFUSED", fingerprint(key), "is installed for this user")


def test_diagnosis__a_wrong_passphrase(ferryd, reach, place):
    key = make_key(place / "locked", passphrase="right")
    reach(auth=[{"publickey": {"key": str(key), "passphrase": {"value": "wrong"}}}])
    check(ferryd, "secrets", "SSH-KEY-PASSPHRASE", str(key), "ssh-keygen -y -f")


def test_diagnosis__a_key_that_vanished(ferryd, reach, place):
    key = make_key(place / "gone")
    reach(auth=[{"publickey": {"key": str(key)}}])
    ferryd.start()
    key.unlink()
    check(ferryd, "secrets", "SSH-KEY-MISSING", str(key), "correct `key:`")


@pytest.mark.skipif(not OLD_LIBSSH2, reason="libssh2 1.11 signs RSA with SHA-2")
def test_diagnosis__an_rsa_key_with_libssh2_1_10(ferryd, reach, partner, place):
    key = make_key(place / "rsa", "rsa")
    partner.authorize(key)
    reach(auth=[{"publickey": {"key": str(key)}}])
    check(ferryd, "login", "SSH-AUTH-REFUSED", "SHA-1", "Ed25519 or ECDSA")


def test_diagnosis__a_second_factor_that_is_not_configured(ferryd, reach, partner):
    partner.configure(extra="PasswordAuthentication yes\nAuthenticationMethods publickey,password")
    text = (partner.folder / "sshd_config").read_text().replace("PasswordAuthentication no\n", "", 1)
    (partner.folder / "sshd_config").write_text(text)
    partner.restart()
    reach()
    check(ferryd, "login", "SSH-AUTH-PARTIAL", "password", "Add the missing method to `auth:`")


@pytest.fixture
def password_server(place):
    home = place / "password-home"
    home.mkdir()
    with PasswordServer(home, "correct") as server:
        (place / "password_known_hosts").write_text(server.known_hosts_line)
        yield server


def by_password(server, place, password="correct", **more):
    return dict({"protocol": "sftp", "host": "127.0.0.1", "port": server.port, "user": server.user,
                 "auth": [{"password": {"value": password}}],
                 "host_key": {"known_hosts": str(place / "password_known_hosts")}}, **more)


def test_diagnosis__a_wrong_password(ferryd, password_server, place):
    ferryd.endpoints["partner"] = by_password(password_server, place, "wrong")
    check(ferryd, "login", "SSH-AUTH-REFUSED", "password", "may be locked or expired")


def test_diagnosis__cut_while_logging_in(ferryd, password_server, place, monkeypatch):
    def cut(self, _username):
        self.connection.abort()
        return True
    monkeypatch.setattr(Judge, "connection_made", lambda self, c: setattr(self, "connection", c), raising=False)
    monkeypatch.setattr(Judge, "begin_auth", cut)
    ferryd.endpoints["partner"] = by_password(password_server, place)
    check(ferryd, "login", "SSH-LOST", "during authentication", "the server's log")


# ---- after the login ----

def test_diagnosis__an_account_without_a_shell(ferryd, reach, partner):
    partner.configure(subsystem="/usr/sbin/sftp-nowhere", extra="ForceCommand /usr/sbin/nologin")
    partner.restart()
    reach()
    check(ferryd, "extensions", "SSH-ACCOUNT", "This account is currently not available", "ask the partner")


def test_diagnosis__a_login_script_that_prints(ferryd, reach, partner):
    partner.configure(extra="ForceCommand echo Welcome to the jungle; /usr/lib/openssh/sftp-server")
    partner.restart()
    reach()
    check(ferryd, "extensions", "SFTP-GARBAGE", "Welcome to the jungle", "~/.bashrc")


def test_diagnosis__an_sftp_program_that_does_not_start(ferryd, reach, partner):
    partner.configure(subsystem="/bin/false")
    partner.restart()
    reach()
    check(ferryd, "extensions", "SFTP-ENDED", "may not offer SFTP to this user")


def test_diagnosis__no_sftp(ferryd, reach, partner):
    text = (partner.folder / "sshd_config").read_text()
    (partner.folder / "sshd_config").write_text("\n".join(l for l in text.splitlines() if not l.startswith("Subsystem")) + "\n")
    partner.restart()
    reach()
    check(ferryd, "subsystem", "SSH-NO-SFTP", "enable SFTP for this account")


def test_diagnosis__no_session(ferryd, reach, partner):
    partner.configure(extra="MaxSessions 0")
    partner.restart()
    reach()
    check(ferryd, "subsystem", "SSH-CHANNEL-REFUSED", "MaxSessions")


def test_diagnosis__cut_in_the_middle_of_a_file(ferryd, reach, partner):
    with Proxy(partner.port) as proxy:
        proxy.cut_after = 400000
        partner.known_hosts.write_text(f"[127.0.0.1]:{proxy.port} {public_key(partner.host_key)}\n")
        reach(port=proxy.port)
        check(ferryd, "read", "SSH-LOST", "connection", arguments=["--write", "--path", str(partner.home)])


def leases(ferryd):
    return sum(p["leases"] for p in ferryd.items("status", "endpoint") if p["name"] == "partner")


def ends_by_reset(partner, proxy):
    """A firewall that has forgotten the connection."""
    proxy.reset()


def ends_by_server(partner, proxy):
    """sshd ends what is idle, or is restarted."""
    partner.restart()


@pytest.mark.parametrize("end", [ends_by_reset, ends_by_server])
def test_diagnosis__cut_while_idle(end, ferryd, route_in, partner):
    source, destination = route_in
    with Proxy(partner.port) as proxy:
        partner.known_hosts.write_text(f"[127.0.0.1]:{proxy.port} {public_key(partner.host_key)}\n")
        ferryd.endpoints["partner"].update(port=proxy.port, connections=1)
        ferryd.endpoints["partner"]["trace"] = {"when": "always"}  # no failure: else it would not be written
        ferryd.routes["in"]["from"]["poll"] = "1h"
        drop(source, "first", b"1")
        ferryd.start()
        wait_for(lambda: visible(destination) == ["first"], "the first file")
        wait_for(lambda: not visible(source) and leases(ferryd) == 0, "an idle connection")
        end(partner, proxy)
        wait_for(lambda: "session over" in ferryd.trace_text(), "ferryd to notice")
        drop(source, "second", b"2")
        ferryd.say("poll", "in")
        wait_for(lambda: len(visible(destination)) == 2, "the second file")
        assert visible(destination) == ["first", "second"] and proxy.connections == 2
    error = next(l for l in ferryd.log_text().splitlines() if "code=NET-IDLE-END" in l).split('reason="')[1].rstrip('"')
    print(f"\nNET-IDLE-END: {error}")
    check_brief(error)
    for word in ("while it was idle", "SSH-LOST: the connection ended", "a new one is made", "`keepalive:`"):
        assert word in error, error
    wait_for(lambda: error in ferryd.trace_text(), "the trace")


def evil(partner, mode):
    partner.configure(subsystem=f"/usr/bin/python3 {os.path.dirname(__file__)}/../lib/evil_sftp.py {mode}")
    partner.restart()


def test_diagnosis__a_full_disk_that_is_named(ferryd, reach, partner):
    evil(partner, "full")
    reach()
    check(ferryd, "write", "OBJ-NO-SPACE", "No space left on device", arguments=["--write"])


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a small file system of its own")
def test_diagnosis__a_full_disk_behind_failure(ferryd, reach, partner):
    small = partner.home / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], capture_output=True).returncode:
        pytest.skip("no mounts here")
    try:
        reach()
        check(ferryd, "write", "OBJ-NO-SPACE", "SSH_FX_FAILURE", "its disk is full", arguments=["--write", "--path", str(small)])
    finally:
        ferryd.stop()
        subprocess.run(["umount", "-l", str(small)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a read-only file system of its own")
def test_diagnosis__a_read_only_disk_behind_failure(ferryd, reach, partner):
    sealed = partner.home / "sealed"
    sealed.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", str(sealed)], capture_output=True).returncode:
        pytest.skip("no mounts here")
    try:
        reach()
        check(ferryd, "write", "OBJ-DENIED", "its disk is read-only", arguments=["--write", "--path", str(sealed)])
    finally:
        ferryd.stop()
        subprocess.run(["umount", "-l", str(sealed)], check=True)


def test_diagnosis__no_permission(ferryd, reach, partner):
    evil(partner, "denied")
    reach()
    check(ferryd, "write", "OBJ-DENIED", "ask the partner", arguments=["--write"])


def test_diagnosis__no_such_directory(ferryd, reach, partner):
    reach()
    check(ferryd, "list", "OBJ-MISSING", "/nowhere", arguments=["--path", "/nowhere"])


# ---- the way there ----

def test_diagnosis__no_such_host(ferryd, reach):
    reach(host="no-such-host.invalid")
    error = check(ferryd, "dns", ferryd_dns_code(), "no-such-host.invalid")
    assert error["kind"] == "NETWORK"


def ferryd_dns_code():
    """Where no name server can be asked, as in a sandbox, that is what is told."""
    try:
        socket.getaddrinfo("no-such-host.invalid", 22)
    except socket.gaierror as e:
        return "DNS-NO-NAME" if e.errno == socket.EAI_NONAME else "DNS-NO-ANSWER"
    raise AssertionError("no-such-host.invalid exists here")


def test_diagnosis__nobody_listens(ferryd, reach):
    port = free_port()
    reach(port=port)
    error = check(ferryd, "tcp", "NET-REFUSED", f"connect to 127.0.0.1 port {port}: ", "is the server running?")
    assert error["message"].count("127.0.0.1") == error["message"].count(str(port)) == 1


def test_diagnosis__nobody_listens_behind_a_name(ferryd, reach):
    port = free_port()
    reach(host="localhost", port=port)
    error = check(ferryd, "tcp", "NET-REFUSED", "localhost: ", "is the server running?")
    assert error["message"].count(str(port)) == 1


@pytest.mark.parametrize("kind", ["socks5", "http"])
def test_diagnosis__a_proxy_that_is_down(kind, ferryd, reach):
    port = free_port()
    reach(proxy={kind: {"host": "127.0.0.1", "port": port}})
    error = check(ferryd, "tcp", "PROXY-DOWN", f"proxy: connect to 127.0.0.1 port {port}: ")
    assert error["message"].count("127.0.0.1") == error["message"].count(str(port)) == 1


def test_diagnosis__nobody_answers(ferryd, reach):
    """A listener whose queue is full drops what comes, as a firewall does."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(3)]
        for s in fillers:
            s.setblocking(False)
            s.connect_ex(full.getsockname())
        reach(port=full.getsockname()[1], timeouts={"connect": "1s"})
        check(ferryd, "tcp", "NET-TIMEOUT", "127.0.0.1", "a firewall drops", "ask the partner")
        for s in fillers:
            s.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a network of its own")
def test_diagnosis__no_way_to_the_host(ferryd, reach):
    ferryd.wrapper = ["unshare", "-n", "--"]
    reach(host="198.51.100.7")
    check(ferryd, "tcp", "NET-UNREACHABLE", "198.51.100.7")


class Early(asyncssh.SFTPServer):
    """Its clock is two hours ahead."""

    def lstat(self, path):
        attrs = asyncssh.SFTPAttrs.from_local(super().lstat(path))
        attrs.mtime += 7200
        return attrs

    stat = lstat


def test_diagnosis__a_clock_that_is_wrong(ferryd, password_server, place, monkeypatch):
    monkeypatch.setattr(asyncssh, "SFTPServer", Early)
    ferryd.endpoints["partner"] = by_password(password_server, place)
    ferryd.start()
    run = ferryd.ctl("test", "partner", "--write")
    print(run.stdout)
    assert "+7199 s from ours" in run.stdout or "+7200 s from ours" in run.stdout
    assert "ODD" in run.stdout and "timedatectl" in run.stdout
