"""Five connections that fail for reasons nobody expected. All that is left is the trace: it names the cause."""
import re


from lib.files import drop
from lib.keys import fingerprint, make_key, public_key
from lib.proxy import Proxy
from lib.wait import wait_for


def the_trace(ferryd, *decisive):
    """The one file a failure has left, read without anything else; its decisive lines in their order."""
    text = wait_for(lambda: "".join(p.read_text() for p in sorted((ferryd.traces / "partner").glob("*.trace"))[:1]),
                    "a trace")
    at = 0
    for line in decisive:
        found = re.compile(line, re.M).search(text, at)
        assert found, f"{line}\nafter {at} in:\n{text}"
        print(text[text.rfind("\n", 0, found.start()) + 1:text.index("\n", found.end())])
        at = found.end()
    return text


def fail(ferryd):
    ferryd.start()
    wait_for(lambda: [e for e in ferryd.items("status", "endpoint") if e["name"] == "partner" and e["error"]], "a failure")


def test_trace_tells__a_server_that_lost_its_modern_algorithms(ferryd, route_in, partner):
    partner.configure(extra="Ciphers chacha20-poly1305@openssh.com\nKexAlgorithms curve25519-sha256")
    ferryd.endpoints["partner"]["algorithms"] = {"ciphers": ["aes256-ctr"]}
    partner.restart()
    fail(ferryd)
    the_trace(ferryd, r"^# host: 127\.0\.0\.1 port \d+", r"transport +server is SSH-2.0-OpenSSH",
              r"kex +ours, ciphers client to server: aes256-ctr$",
              r"kex +server's ciphers client to server: chacha20-poly1305@openssh.com$",
              r"FAILED CONFIG SSH-KEX-NO-CIPHER .*no common cipher.*offers: chacha20-poly1305")


def test_trace_tells__somebody_installed_the_wrong_key(ferryd, route_in, partner, place):
    key = make_key(place / "wrong")
    ferryd.endpoints["partner"]["auth"] = [{"publickey": {"key": str(key)}}]
    fail(ferryd)
    the_trace(ferryd, r"kex +host key ssh-ed25519 SHA256:\S+: ok", r"auth +server accepts: publickey",
              r"auth +trying publickey", rf"auth +publickey .*{re.escape(fingerprint(key))}.*: refused",
              rf"FAILED AUTH SSH-AUTH-REFUSED .*{re.escape(fingerprint(key))}")


def test_trace_tells__a_restored_server_with_its_old_key(ferryd, route_in, partner, place):
    known = make_key(place / "known")
    partner.known_hosts.write_text(f"[127.0.0.1]:{partner.port} {public_key(known)}\n")
    fail(ferryd)
    text = the_trace(ferryd, r"kex +server's host key algorithms: ssh-ed25519",
                     rf"kex +host key ssh-ed25519 {re.escape(fingerprint(partner.host_key))}: changed, .*known_hosts:1",
                     rf"FAILED TRUST SSH-HOSTKEY-CHANGED .*{re.escape(fingerprint(known))}")
    assert " auth " not in text  # nothing was sent to it


def test_trace_tells__a_link_that_died_in_the_middle_of_a_file(ferryd, route_in, partner):
    source, _ = route_in
    with Proxy(partner.port) as proxy:
        partner.known_hosts.write_text(f"[127.0.0.1]:{proxy.port} {public_key(partner.host_key)}\n")
        ferryd.endpoints["partner"]["port"] = proxy.port
        proxy.cut_after = 300000
        drop(source, "large", b"x" * 3_000_000)
        ferryd.start()
        wait_for(lambda: list((ferryd.traces / "partner").glob("*.trace")), "a trace")
        ferryd.stop()
    the_trace(ferryd, r"sftp +> \d+ OPEN_READ \S+/large", r"sftp +< \d+ OPEN_READ \S+/large HANDLE",
              r"sftp +> \d+ READ \S+/large offset=\d+ bytes=\d+", r"error +the session failed: libssh2 error|sftp +session over: ",
              r"FAILED NETWORK SSH-LOST .*during the session")


def test_trace_tells__a_quota_behind_failure(ferryd, route_out, partner):
    """SFTP says only "Failure"; its words, kept, say what failed."""
    from lib import evil_sftp
    source, _ = route_out
    partner.configure(subsystem=f"/usr/bin/python3 {evil_sftp.__file__} full")
    partner.restart()
    drop(source, "a", b"abc")
    ferryd.start()
    wait_for(lambda: list((ferryd.traces / "partner").glob("*.trace")), "a trace")
    ferryd.stop()
    the_trace(ferryd, r"sftp +> \d+ WRITE \S+ offset=0 bytes=3", r'error +WRITE \S+: SSH_FX_FAILURE 4 "No space left on device"',
              r"FAILED BUSY OBJ-NO-SPACE .*No space left on device")
