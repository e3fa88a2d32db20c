"""Host certificates of a real sshd, and authorities in known_hosts."""
import contextlib
import socket
import subprocess
import threading

import pytest

from lib.files import drop, visible
from lib.keys import fingerprint, make_key, public_key
from lib.wait import wait_for

FOREVER = "20200101:20990101"


def arrived(directory, *names):
    return lambda: visible(directory) == sorted(names)


class Authority:
    def __init__(self, folder, name="ca", kind="ed25519"):
        self.key = make_key(folder / name, kind)

    def certify(self, sshd, names="127.0.0.1", validity=FOREVER, key=None, more=()):
        """Gives the server a certificate and starts it anew."""
        key = key or sshd.folder / "host_key"
        subprocess.run(["ssh-keygen", "-q", "-s", str(self.key), "-h", "-I", "test", "-z", "3", "-V", validity,
                        *(["-n", names] if names else []), *more, f"{key}.pub"], check=True)
        extra = f"HostCertificate {key}-cert.pub"
        sshd.configure(extra=extra if key == sshd.folder / "host_key" else f"HostKey {key}\n{extra}")
        sshd.restart()

    def line(self, sshd, marker="@cert-authority"):
        return f"{marker} [127.0.0.1]:{sshd.port} {public_key(self.key)}\n"


@pytest.fixture
def authority(place):
    return Authority(place)


def goes(ferryd, route_in):
    source, destination = route_in
    ferryd.endpoints["partner"]["trace"] = {"when": "always"}
    drop(source, "a", b"abc")
    ferryd.start()
    wait_for(arrived(destination, "a"), "the file")


def stops(ferryd, code="SSH-HOSTKEY-CERT"):
    ferryd.start()

    def stopped():
        for p in ferryd.items("status", "endpoint"):
            if p["name"] == "partner" and p["state"] == "stopped":
                return p["error"]
        return None
    error = wait_for(stopped, "the endpoint to stop")
    assert error["code"] == code, error
    return error["message"]


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_certificates__an_authority_is_enough(kind, ferryd, route_in, partner, place):
    authority = Authority(place, kind=kind)
    authority.certify(partner)
    partner.known_hosts.write_text(authority.line(partner))
    goes(ferryd, route_in)
    wait_for(lambda: "ok by certificate" in ferryd.trace_text(), "the trace")
    assert 'host certificate "test" serial 3 is good' in ferryd.trace_text()
    assert partner.known_hosts.read_text() == authority.line(partner)


def test_certificates__the_certified_key_is_asked_for_first(ferryd, route_in, partner, authority):
    """The server prefers Ed25519, and has a certificate for its ECDSA key only."""
    second = make_key(partner.folder / "second_key", "ecdsa")
    authority.certify(partner, key=second)
    partner.known_hosts.write_text(authority.line(partner) +
                                   f"[127.0.0.1]:{partner.port} {public_key(partner.user_key)}\n")
    goes(ferryd, route_in)
    wait_for(lambda: "ecdsa-sha2-nistp256" in ferryd.trace_text() and "by certificate" in ferryd.trace_text(),
             "the trace")


def test_certificates__any_name_by_wildcard_and_without_names(ferryd, route_in, partner, authority):
    authority.certify(partner, names=None)
    partner.known_hosts.write_text(f"@cert-authority *,[127.0.0.*]:* {public_key(authority.key)}\n")
    goes(ferryd, route_in)


def test_certificates__the_alias_is_the_name(ferryd, route_in, partner, authority):
    authority.certify(partner, names="sftp.acme.example")
    partner.known_hosts.write_text(f"@cert-authority *.acme.example {public_key(authority.key)}\n")
    ferryd.endpoints["partner"]["host_key"]["alias"] = "sftp.acme.example"
    goes(ferryd, route_in)


@pytest.mark.parametrize("how, words", [
    ({"validity": "20200101:20210101"}, "has expired (2021-01-01T00:00:00.000Z)"),
    ({"validity": "20980101:20990101"}, "is not valid yet (2098-01-01"),
    ({"names": "other.example"}, "is not for this name"),
    ({"more": ["-O", "critical:force-command=x"]}, "critical options"),
])
def test_certificates__what_is_wrong_is_told(how, words, ferryd, route_in, partner, authority):
    authority.certify(partner, **how)
    partner.known_hosts.write_text(authority.line(partner))
    message = stops(ferryd)
    assert words in message and f"{partner.known_hosts}:1" in message, message
    assert f"ferryctl trust partner {fingerprint(partner.host_key)}" in message


class Hasty:
    """In front of a server; hangs up on the first who come, as an overloaded one does."""

    def __init__(self, port, hangs_up):
        self.target, self.left = port, hangs_up
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.socket.accept()
                if self.left:
                    self.left -= 1
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self.target))
                for pair in (client, server), (server, client):
                    threading.Thread(target=self.carry, args=pair, daemon=True).start()

    @staticmethod
    def carry(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


def test_certificates__a_busy_server_is_not_distrusted(ferryd, route_in, partner, authority):
    """It had no time to show its certificate, and then has: that is no reason to stop."""
    authority.certify(partner)
    relay = Hasty(partner.port, hangs_up=1)
    partner.known_hosts.write_text(f"@cert-authority [127.0.0.1]:{relay.port} {public_key(authority.key)}\n")
    ferryd.endpoints["partner"]["port"] = relay.port
    goes(ferryd, route_in)
    assert "asking the server for its host certificate" in ferryd.trace_text()
    relay.socket.close()


def test_certificates__another_authority(ferryd, route_in, partner, authority, place):
    Authority(place, "other").certify(partner)
    partner.known_hosts.write_text(authority.line(partner))
    assert "is signed by another authority" in stops(ferryd)


def test_certificates__a_revoked_authority(ferryd, route_in, partner, authority):
    authority.certify(partner)
    partner.known_hosts.write_text(authority.line(partner) + f"@revoked * {public_key(authority.key)}\n")
    assert "authority that is revoked" in stops(ferryd)


def test_certificates__a_revoked_key(ferryd, route_in, partner, authority):
    authority.certify(partner)
    partner.known_hosts.write_text(authority.line(partner) + f"@revoked * {public_key(partner.host_key)}\n")
    stops(ferryd, "SSH-HOSTKEY-REVOKED")


def test_certificates__none_is_no_new_host(ferryd, route_in, partner, authority):
    """accept-new does not take a key for a host that an authority speaks of; the operator may."""
    source, destination = route_in
    partner.known_hosts.write_text(authority.line(partner))
    ferryd.endpoints["partner"]["host_key"]["check"] = "accept-new"
    drop(source, "a", b"abc")
    assert "the server has no host certificate" in stops(ferryd)
    assert partner.known_hosts.read_text() == authority.line(partner)
    ferryd.say("trust", "partner", fingerprint(partner.host_key))
    wait_for(arrived(destination, "a"), "the file")


def test_certificates__a_key_on_record_needs_none(ferryd, route_in, partner, authority):
    partner.known_hosts.write_text(authority.line(partner) + partner.known_hosts.read_text())
    goes(ferryd, route_in)
