"""`exists: append`: bytes that go to the end of a file, on every protocol, through cuts and kills."""
import os

import pytest

from lib.files import content, drop, litter, visible
from lib.fixtures import sftp_behind, sftp_endpoint
from lib.ftpd import Proftpd, Vsftpd
from lib.proxy import Proxy
from lib.wait import wait_for

LARGE = content(1, 20_000_000)  # more than sockets hold
BEFORE = b"what was there before\n"
QUICK = {"first": "100ms", "most": "500ms"}


def route(ferryd, place, to, **more):
    source = place / "drop"
    source.mkdir()
    ferryd.routes["out"] = {"from": {"path": str(source), "after": "delete"},
                            "to": [dict(to, exists="append", retry=QUICK, **more)]}
    return source


def give(directory, name, data):
    drop(directory, name, data)
    owner = directory.stat()
    os.chown(directory / name, owner.st_uid, owner.st_gid)
    os.chmod(directory / name, 0o644)


@pytest.fixture(params=["local", "sftp", "proftpd", "vsftpd"])
def destination(request, ferryd, partner, place, serve):
    """(directory, destination's settings)"""
    if request.param == "local":
        directory = place / "there"
        directory.mkdir()
        return directory, {"path": str(directory)}
    if request.param == "sftp":
        directory = partner.home / "there"
        directory.mkdir()
        ferryd.endpoints["partner"] = sftp_endpoint(partner)
        return directory, {"endpoint": "partner", "path": str(directory)}
    server = serve({"proftpd": Proftpd, "vsftpd": Vsftpd}[request.param])
    directory, path = server.make_folder("inbox")
    ferryd.endpoints["bank"] = server.endpoint()
    return directory, {"endpoint": "bank", "path": path}


def wait_state(ferryd, name, state):
    return wait_for(lambda: (j := ferryd.job(name)) and j["state"] == state and j,
                    lambda: f"{name} {state}: {ferryd.jobs()}", 60)


@pytest.mark.parametrize("verify", ["size", "digest"])
def test_append__adds_to_what_is_there_and_makes_what_is_not(ferryd, place, destination, verify):
    directory, to = destination
    source = route(ferryd, place, to, verify=verify)
    give(directory, "taken", BEFORE)
    drop(source, "taken", b"and ours")
    drop(source, "new", b"all of it")
    ferryd.start()
    wait_state(ferryd, "taken", "done")
    wait_state(ferryd, "new", "done")
    assert (directory / "taken").read_bytes() == BEFORE + b"and ours"
    assert (directory / "new").read_bytes() == b"all of it"
    assert visible(source) == [] and litter(directory) == []


def test_append__all_files_to_one(ferryd, place, destination):
    directory, to = destination
    source = route(ferryd, place, to, name="all.csv")
    lines = [f"line {number}\n" for number in range(12)]
    for number, line in enumerate(lines):
        drop(source, f"f{number:02}", line.encode())
    ferryd.start()
    wait_for(lambda: [j["state"] for j in ferryd.jobs()] == ["done"] * 12,
             lambda: f"12 jobs done: {ferryd.jobs()}", 60)
    assert visible(directory) == ["all.csv"] and litter(directory) == []
    assert sorted((directory / "all.csv").read_text().splitlines(True)) == sorted(lines)


def wait_partial(file, least):
    return wait_for(lambda: len(BEFORE) + least < file.stat().st_size < len(BEFORE) + len(LARGE),
                    lambda: f"a part of the file: {file.stat().st_size}", 60)


def check_once(ferryd, directory):
    wait_state(ferryd, "log", "done")
    assert (directory / "log").read_bytes() == BEFORE + LARGE, (directory / "log").stat().st_size


def begin(ferryd, source, directory, least=500_000):
    """A part of LARGE has come to the end of `log`."""
    give(directory, "log", BEFORE)
    drop(source, "log", LARGE)
    ferryd.start()
    wait_partial(directory / "log", least)


@pytest.fixture
def slow_bank(ferryd, place, serve):
    """(server, directory), with a part of LARGE at it."""
    server = serve(Proftpd, extra="TransferRate APPE,STOR 4000")
    directory, path = server.make_folder("inbox")
    ferryd.endpoints["bank"] = server.endpoint()
    begin(ferryd, route(ferryd, place, {"endpoint": "bank", "path": path}), directory)
    return server, directory


def test_append__goes_on_after_kills_ftps(ferryd, slow_bank):
    server, directory = slow_bank
    ferryd.kill()
    ferryd.resume()
    wait_partial(directory / "log", 9_000_000)
    server.kill()
    server.start()
    check_once(ferryd, directory)


def test_append__goes_on_after_kills_sftp(ferryd, place, partner):
    directory = partner.home / "there"
    directory.mkdir()
    with Proxy(partner.port) as proxy:
        proxy.delay = 0.002
        ferryd.endpoints["partner"] = sftp_behind(partner, proxy.port)
        begin(ferryd, route(ferryd, place, {"endpoint": "partner", "path": str(directory)}), directory, 300_000)
        ferryd.kill()
        ferryd.resume()
        wait_partial(directory / "log", 9_000_000)
        proxy.reset()
        check_once(ferryd, directory)


def test_append__holds_what_somebody_else_wrote_to(ferryd, slow_bank):
    server, directory = slow_bank
    ferryd.kill()
    server.kill()
    with open(directory / "log", "ab") as log:
        log.write(b"somebody else's")
    left = (directory / "log").read_bytes()
    server.start()
    ferryd.resume()
    job = wait_state(ferryd, "log", "held")
    assert (directory / "log").read_bytes() == left
    shown = ferryd.say("show", str(job["id"]))
    assert "DELIVER-APPEND" in shown and "somebody else" in shown and "retry" in shown, shown
    (directory / "log").write_bytes(BEFORE)
    ferryd.say("retry", str(job["id"]))
    check_once(ferryd, directory)
