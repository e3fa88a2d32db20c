"""A large file that was cut off goes on where it was, and only if it is still the same file."""
import os

import pytest

from lib.files import content, drop, litter, visible
from lib.fixtures import sftp_behind
from lib.ftpd import Proftpd, Vsftpd
from lib.proxy import Proxy
from lib.wait import wait_for

SIZE = 12_000_000
OLD, NEW = content(1, SIZE), content(2, SIZE)
GOES_ON = "fetch goes on where it was cut off"


def route(ferryd, place, endpoint, path):
    (place / "in").mkdir()
    ferryd.routes["in"] = {"from": {"endpoint": endpoint, "path": path, "poll": "200ms",
                                    "ready": {"stable_for": "0s"}, "after": "delete"},
                           "to": [{"path": str(place / "in")}],
                           "retry": {"first": "100ms", "most": "500ms"}}


@pytest.fixture
def slow_sftp(ferryd, place, partner):
    """(proxy, source): the server gives 4 MB a second."""
    source = partner.home / "out"
    source.mkdir()
    with Proxy(partner.port) as proxy:
        ferryd.endpoints["partner"] = sftp_behind(partner, proxy.port)
        route(ferryd, place, "partner", str(source))
        proxy.rate = 4_000_000
        yield proxy, source


@pytest.fixture(params=["proftpd", "vsftpd"])
def slow_ftps(request, ferryd, place, serve):
    """(server, source): the same. vsftpd tells times to the minute: it is never gone on there."""
    if request.param == "vsftpd":
        server = serve(Vsftpd, extra="anon_max_rate=4000000")
    else:
        server = serve(Proftpd, extra="TransferRate RETR 4000")
    source, path = server.make_folder("out")
    ferryd.endpoints["bank"] = server.endpoint(trace={"when": "always"})
    route(ferryd, place, "bank", path)
    return server, source


def give(source, data):
    drop(source, "large", data)
    owner = source.stat()
    os.chown(source / "large", owner.st_uid, owner.st_gid)


def part(ferryd):
    return max((f.stat().st_size for f in (ferryd.state / "spool").glob("*.part")), default=0)


def wait_part(ferryd, least=2_000_000):
    wait_for(lambda: part(ferryd) >= least, lambda: f"{least} bytes in the spool: {part(ferryd)}", 60)


def kill_ferryd(ferryd):
    wait_part(ferryd)
    ferryd.kill()


def check_arrived(ferryd, place, data):
    wait_for(lambda: any(j["state"] == "done" for j in ferryd.jobs()), lambda: f"done: {ferryd.jobs()}", 90)
    assert (place / "in/large").read_bytes() == data
    ferryd.stop()
    assert visible(ferryd.state / "spool") == [] and litter(place / "in") == []


def test_resume__sftp_after_a_lost_connection(ferryd, place, slow_sftp):
    proxy, source = slow_sftp
    give(source, OLD)
    ferryd.start()
    wait_part(ferryd)
    proxy.reset()
    ferryd.wait_told(GOES_ON)
    check_arrived(ferryd, place, OLD)


def test_resume__sftp_after_a_kill(ferryd, place, slow_sftp):
    _, source = slow_sftp
    give(source, OLD)
    ferryd.start()
    for _ in range(2):
        kill_ferryd(ferryd)
        ferryd.resume()
        ferryd.wait_told(GOES_ON)
    check_arrived(ferryd, place, OLD)


def check_a_change(ferryd, place, source):
    """The file that was cut off is another one when it is gone on with."""
    give(source, OLD)
    os.utime(source / "large", (1_700_000_000, 1_700_000_000))
    ferryd.start()
    kill_ferryd(ferryd)
    give(source, NEW)
    ferryd.resume()
    check_arrived(ferryd, place, NEW)


def test_resume__sftp_takes_a_source_that_changed_from_its_start(ferryd, place, slow_sftp):
    _, source = slow_sftp
    check_a_change(ferryd, place, source)


def test_resume__a_part_of_before_the_last_boot_is_not_trusted(ferryd, place, slow_sftp):
    proxy, source = slow_sftp
    give(source, OLD)
    ferryd.start()
    kill_ferryd(ferryd)
    (file,) = (ferryd.state / "spool").glob("*.part")
    data = file.read_bytes()  # a power cut may leave anything
    file.unlink()
    (file.parent / f"{file.name.split('.')[0]}.0badb007.part").write_bytes(b"\0" * len(data))
    proxy.rate = 0
    ferryd.resume()
    check_arrived(ferryd, place, OLD)
    assert GOES_ON not in ferryd.log_text()


def test_resume__ftps_after_kills(ferryd, place, slow_ftps):
    server, source = slow_ftps
    give(source, OLD)
    ferryd.start()
    wait_part(ferryd)
    server.kill()
    ferryd.wait_told("fetch", "large")
    server.start()
    kill_ferryd(ferryd)
    ferryd.resume()
    check_arrived(ferryd, place, OLD)
    text = "".join(f.read_text() for f in (ferryd.traces / "bank").glob("*.trace*"))
    assert ("> REST " in text) == isinstance(server, Proftpd)


def test_resume__ftps_takes_a_source_that_changed_from_its_start(ferryd, place, slow_ftps):
    _, source = slow_ftps
    check_a_change(ferryd, place, source)
