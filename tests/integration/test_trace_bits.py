"""Each bit of the trace mask, against a real sshd: what it holds, and that it holds nothing else."""
import re

import pytest

from lib.files import drop, visible
from lib.fixtures import sftp_endpoint
from lib.wait import wait_for

BANNER = "Welcome to the partner\nUnauthorised use is \x1b[31mforbidden\n"
BITS = {"transport": 2, "kex": 4, "auth": 8, "connection": 16, "scp": 32, "sftp": 64, "error": 128,
        "publickey": 256, "socket": 512}
HOLDS = {
    "transport": [r"endpoint partner: 127\.0\.0\.1 port \d+, libssh2 1\.", "we are SSH-2.0-libssh2", "server is SSH-2.0-OpenSSH",
                  r"\d+ bytes received, \d+ sent, keys exchanged 1 times"],
    "kex": ["ours, key exchange methods: .*curve25519", "server's host key algorithms: .*ssh-ed25519", r"agreed: curve25519\S+, ssh-ed25519, out aes\S+ \S+ none, in aes",
            r"host key ssh-ed25519 SHA256:\S+: ok, /\S+/known_hosts:1"],
    "auth": ["server accepts: publickey", "trying publickey", "server's banner: Welcome to the partner",
             r"server's banner: Unauthorised use is \\x1b\[31mforbidden", "logged in"],
    "connection": ["address 127.0.0.1: connected", "subsystem sftp is open",
                   r"channel: the server may send \d+ bytes \(window \d+\), we may send \d+"],
    "scp": ["scp is never used"],
    "sftp": ["server speaks SFTP version 3", "server offers posix-rename@openssh.com", r"> \d+ OPEN_READ /\S+/a",
             r"> \d+ READ /\S+/a offset=0 bytes=\d+", r'< \d+ \w+ \S* ?2 SSH_FX_NO_SUCH_FILE "No such file" \d+\.\d ms',
             r"< \d+ READ /\S+/a DATA bytes=5 \d+\.\d ms"],
    "error": ["SSH_FX_NO_SUCH_FILE 2"],
    "publickey": [r"shows publickey /\S+/user_key \(ssh-ed25519 SHA256:\S+\)", "signed with ssh-ed25519"],
    "socket": [r"received \d+ bytes", r"sent \d+ bytes", r"we send KEXINIT, \d+ bytes in clear", "the server sends NEWKEYS, 16 bytes in clear",
               r"  0000  [0-9a-f]{64}  .*"],
}


def kinds(text):
    """The words of the lines' kinds; FAILED would be told under any mask."""
    return set(re.findall(r"^\+\d+\.\d{6} (\w+)", text, re.M))


def run(ferryd, partner, place, mask):
    """One file is fetched and pushed on to a directory that has to be made: a status that says no."""
    source = partner.home / "out"
    source.mkdir()
    drop(source, "a", b"hello")
    ferryd.trace["when"] = "always"
    ferryd.endpoints["partner"] = sftp_endpoint(partner, trace={"mask": mask, "when": "always"})
    ferryd.routes["in"] = {"from": {"endpoint": "partner", "path": str(source), "poll": "200ms",
                                    "ready": {"stable_for": "0s"}, "after": "delete"},
                           "to": [{"endpoint": "partner", "path": str(partner.home / "new"), "mkdir": True}]}
    ferryd.start()
    wait_for(lambda: (partner.home / "new").exists() and visible(partner.home / "new") == ["a"], "the file")
    wait_for(lambda: [j["state"] for j in ferryd.jobs()] == ["done"], "the job")
    ferryd.stop()
    return "".join(p.read_text() for p in sorted((ferryd.traces / "partner").glob("*.trace*")))


@pytest.fixture
def greeting(partner, place):
    (place / "banner").write_text(BANNER)
    partner.configure(extra=f"Banner {place}/banner")
    return partner.restart()


@pytest.mark.parametrize("word", BITS)
def test_trace_bits__each_alone(word, ferryd, greeting, place):
    text = run(ferryd, greeting, place, BITS[word])
    assert kinds(text) == {word}, text
    for holds in HOLDS[word]:
        assert re.search(holds, text), f"{holds} in:\n{text[:6000]}"
    assert "hello" not in text


def test_trace_bits__all_but_socket(ferryd, greeting, place):
    text = run(ferryd, greeting, place, 511)
    assert kinds(text) == set(BITS) - {"socket"}


def test_trace_bits__no_byte_after_newkeys_is_shown(ferryd, greeting, place):
    text = run(ferryd, greeting, place, 1023)
    shown = re.findall(r"(we send|the server sends) (.*?), \d+ bytes in clear", text)
    for who in ("we send", "the server sends"):
        packets = [name for side, name in shown if side == who]
        assert packets[0] == "KEXINIT" and packets[-1] == "NEWKEYS" and packets.count("NEWKEYS") == 1
    last = text.rindex("in clear:")
    dump = re.findall(r"  [0-9a-f]{4}  ([0-9a-f]+)  ", text[last:])
    assert len(dump) == 1 and len(dump[0]) == 32, dump  # the 16 bytes of the second NEWKEYS, nothing more
    assert text.index("trying publickey") > last


def test_trace_bits__a_rekey_is_seen(ferryd, partner, place):
    partner.configure(extra="RekeyLimit 1M")
    partner.restart()
    source = partner.home / "out"
    source.mkdir()
    drop(source, "large", b"x" * (5 << 20))
    ferryd.endpoints["partner"] = sftp_endpoint(partner, trace={"mask": "transport,kex".split(","), "when": "always"})
    (place / "in").mkdir()
    ferryd.routes["in"] = {"from": {"endpoint": "partner", "path": str(source), "poll": "200ms",
                                    "ready": {"stable_for": "0s"}, "after": "delete"}, "to": [{"path": str(place / "in")}]}
    ferryd.start()
    wait_for(lambda: visible(place / "in") == ["large"], "the file")
    ferryd.stop()
    text = "".join(p.read_text() for p in (ferryd.traces / "partner").glob("*.trace"))
    assert re.search(r"keys exchanged anew \(3\), the host key is the same", text), text
    assert re.search(r"keys exchanged ([4-9]|1\d) times", text), text
