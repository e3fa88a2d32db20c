"""LIST tells an old file's time with less of it than a young one's: that is no new version."""
import ftplib
import os
import time

import pytest

from lib.fixtures import fetch_from
from lib.ftpd import Vsftpd
from lib.wait import wait_for

DAY = 86400
HALF_A_YEAR = 182 * DAY  # from then on vsftpd lists days
MARGIN = 25              # seconds in which the file is listed and fetched while it is young
NO_MDTM = "cmds_denied=MDTM\n"


def put(source, name, content, mtime):
    """Appears with its time, as the partner's own rename would show it."""
    temp = source.parent / f".{name}"
    temp.write_text(content)
    os.utime(temp, (mtime, mtime))
    os.rename(temp, source / name)


def listed(server, name):
    """The line of LIST."""
    with ftplib.FTP() as ftp:
        ftp.connect(server.host, server.port, timeout=30)
        ftp.login(server.user, server.password)
        lines = []
        ftp.retrlines("LIST /up/out", lines.append)
    return next(line for line in lines if line.endswith(" " + name))


def tells_minutes(server, name):
    return ":" in listed(server, name)


def await_polls(ferryd, count=3):
    """So many polls begin and end from now on."""
    seen = set()

    def polled():
        route = ferryd.route("in")
        seen.add(route["poll"]["last_ms"])
        return len(seen) > count + 1
    wait_for(polled, ferryd.told)


def jobs_of(ferryd, name):
    return [j for j in ferryd.jobs() if j["path"] == name]


def await_done(ferryd, name, count=1):
    wait_for(lambda: len(jobs_of(ferryd, name)) == count and
             {j["state"] for j in jobs_of(ferryd, name)} == {"done"}, ferryd.told)


@pytest.mark.parametrize("extra", ["", NO_MDTM], ids=["mdtm", "no mdtm"])
def test_ages__a_file_that_grows_old_is_fetched_once(ferryd, place, serve, extra):
    server = serve(Vsftpd, tls=None, extra=extra)
    source, destination = fetch_from(ferryd, server, place)
    ferryd.start()
    put(source, "ages", "content", time.time() - HALF_A_YEAR + MARGIN)
    await_done(ferryd, "ages")
    assert tells_minutes(server, "ages"), "the machine was too slow for this test"
    wait_for(lambda: not tells_minutes(server, "ages"), lambda: listed(server, "ages"), 3 * MARGIN)
    await_polls(ferryd)
    assert len(jobs_of(ferryd, "ages")) == 1, ferryd.say("jobs")
    ferryd.stop()
    ferryd.start()
    await_polls(ferryd)
    assert len(jobs_of(ferryd, "ages")) == 1, ferryd.say("jobs")
    assert os.listdir(destination) == ["ages"]


@pytest.mark.parametrize("extra", ["", NO_MDTM], ids=["mdtm", "no mdtm"])
def test_ages__an_old_file_that_changed_is_fetched_again(ferryd, place, serve, extra):
    server = serve(Vsftpd, tls=None, extra=extra)
    source, destination = fetch_from(ferryd, server, place)
    ferryd.routes["in"]["to"][0]["exists"] = "replace"
    ferryd.start()
    put(source, "old", "content 1", time.time() - 212 * DAY)
    await_done(ferryd, "old")
    assert not tells_minutes(server, "old")
    await_polls(ferryd)
    put(source, "old", "content 2", time.time() - 205 * DAY)  # of the same size
    await_done(ferryd, "old", 2)
    put(source, "old", "content 3", time.time())
    await_done(ferryd, "old", 3)
    ferryd.stop()
    ferryd.start()
    await_polls(ferryd)
    assert len(jobs_of(ferryd, "old")) == 3
    assert (destination / "old").read_text() == "content 3"
