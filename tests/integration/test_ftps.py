"""Routes over FTPS and FTP: files both ways between ferryd and real servers, and between protocols."""
import os

import pytest

from lib.files import Ledger, content, drop, litter, visible
from lib.fixtures import fetch_from, push_to, sftp_endpoint
from lib.ftpd import Proftpd, Vsftpd
from lib.wait import wait_for

SERVERS = {"proftpd": Proftpd, "vsftpd": Vsftpd}
SIZES = [0, 1, 4096, 65537, 300000, 3_000_001]


@pytest.fixture(params=[(name, tls) for name in SERVERS for tls in ("explicit", "implicit", None)],
                ids=lambda p: f"{p[0]}-{p[1] or 'plain'}")
def server(request, serve):
    """A real server that runs: every product, every way to encrypt."""
    name, tls = request.param
    return serve(SERVERS[name], tls=tls)


def carry_in(ferryd, server, place, **settings):
    """What is fetched is removed: (source, destination)."""
    folders = fetch_from(ferryd, server, place, **settings)
    ferryd.routes["in"]["from"]["after"] = "delete"
    return folders


def fill(ledger, directory):
    for number, size in enumerate(SIZES):
        ledger.produce(directory, f"Grüße {size}.bin", content(number, size))


def owned(directory):
    """What the server may also remove."""
    owner = directory.stat()
    for entry in os.scandir(directory):
        os.chown(entry.path, owner.st_uid, owner.st_gid)


def wait_done(ferryd, count):
    wait_for(lambda: [j["state"] for j in ferryd.jobs()] == ["done"] * count, f"{count} jobs done", 60)


def test_ftps__fetches_and_removes(ferryd, server, place):
    (source, destination), ledger = carry_in(ferryd, server, place), Ledger()
    fill(ledger, source)
    owned(source)
    ferryd.start()
    wait_done(ferryd, len(SIZES))
    ledger.check(destination, "destination")
    assert visible(source) == [] and litter(destination) == []


def test_ftps__pushes_under_a_temporary_name(ferryd, server, place):
    (source, destination), ledger = push_to(ferryd, server, place), Ledger()
    fill(ledger, source)
    ferryd.start()
    wait_done(ferryd, len(SIZES))
    ledger.check(destination, "destination")
    assert visible(source) == [] and litter(destination) == []


def test_ftps__survives_servers_that_go_away(ferryd, place, serve):
    server = serve(Proftpd)
    (source, destination), ledger = carry_in(ferryd, server, place), Ledger()
    for number in range(60):
        ledger.produce(source, f"f{number:03d}", content(number, 40000))
    ferryd.start()
    for seen in (5, 25):
        wait_for(lambda: len(visible(destination)) >= seen, f"{seen} files", 60)
        server.kill()
        server.start()
    wait_for(lambda: len(visible(destination)) == 60 and visible(source) == [], "all files", 90)
    ledger.check(destination, "destination")
    assert litter(destination) == []


def test_ftps__carries_between_protocols(ferryd, partner, place, serve):
    server = serve(Proftpd)
    ledgers = {"there": Ledger(), "back": Ledger()}
    sftp_out, sftp_in = partner.home / "out", partner.home / "in"
    sftp_out.mkdir()
    sftp_in.mkdir()
    (ftp_out, out_path), (ftp_in, in_path) = server.make_folder("out"), server.make_folder("in")
    ferryd.endpoints["partner"] = sftp_endpoint(partner)
    ferryd.endpoints["bank"] = server.endpoint()
    ready = {"poll": "200ms", "ready": {"stable_for": "0s"}, "after": "delete"}
    ferryd.routes["there"] = {"from": {"endpoint": "partner", "path": str(sftp_out), **ready},
                              "to": [{"endpoint": "bank", "path": in_path}]}
    ferryd.routes["back"] = {"from": {"endpoint": "bank", "path": out_path, **ready},
                             "to": [{"endpoint": "partner", "path": str(sftp_in)}]}
    fill(ledgers["there"], sftp_out)
    fill(ledgers["back"], ftp_out)
    ferryd.start()
    wait_done(ferryd, 2 * len(SIZES))
    ledgers["there"].check(ftp_in, "FTPS destination")
    ledgers["back"].check(sftp_in, "SFTP destination")
    assert visible(sftp_out) == visible(ftp_out) == []


def test_ftps__the_trace_shows_every_command_and_no_password(ferryd, place, serve):
    server = serve(Proftpd)
    source, _ = carry_in(ferryd, server, place, trace={"when": "always"})
    path = ferryd.routes["in"]["from"]["path"]
    drop(source, "a", b"abc")
    ferryd.start()
    wait_done(ferryd, 1)
    ferryd.stop()
    text = "".join(f.read_text() for f in (ferryd.traces / "bank").glob("*.trace*"))
    for words in ("> AUTH TLS", "> PASS ***", f"> RETR {path}/a", "< 226", f"> DELE {path}/a", " ms)"):
        assert words in text, words
    assert server.password not in text


DIGEST = "LoadModule mod_digest.c\nDigestEngine on\nDigestAlgorithms {}\n"


@pytest.mark.parametrize("algorithms,command", [("sha256", "HASH"), ("crc32", "HASH"), ("md5 sha1", "HASH"),
                                                (None, "RETR")])
def test_ftps__verifies_by_the_servers_hash(ferryd, place, serve, algorithms, command):
    """verify: digest asks a server that can hash, and reads back from one that cannot."""
    server = serve(Proftpd, extra=DIGEST.format(algorithms) if algorithms else "")
    (source, destination), ledger = push_to(ferryd, server, place, trace={"when": "always"}), Ledger()
    ferryd.routes["out"]["to"][0]["verify"] = "digest"
    fill(ledger, source)
    ferryd.start()
    wait_done(ferryd, len(SIZES))
    ledger.check(destination, "destination")
    ferryd.stop()
    text = "".join(f.read_text() for f in (ferryd.traces / "bank").glob("*.trace*"))
    assert text.count(f"> {command} ") == len(SIZES)
    assert ("> RETR" in text) == (command == "RETR")


def test_ftps__keeps_the_time_where_the_server_can(ferryd, server, place):
    source, destination = push_to(ferryd, server, place)
    ferryd.routes["out"]["to"][0]["mtime"] = "keep"
    drop(source, "a b", b"abc")
    os.utime(source / "a b", (1_600_000_000, 1_600_000_001))
    ferryd.start()
    if isinstance(server, Proftpd):
        wait_done(ferryd, 1)
        assert (destination / "a b").stat().st_mtime == 1_600_000_001
    else:
        job = wait_for(lambda: (j := ferryd.job("a b")) and j["state"] == "held" and j, "a held file")
        assert "FTP-NO-MFMT" in ferryd.say("show", str(job["id"])) and visible(destination) == []
