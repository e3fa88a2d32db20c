"""How files are named, placed and checked at their destination."""
import os
import time

import pytest

from lib.files import drop, visible
from lib.wait import wait_for


@pytest.fixture(params=["local", "partner"])
def destination(request, ferryd, route_in, partner):
    """The same tests against a local directory and an SFTP server: (source, directory, settings)."""
    source, directory = route_in
    if request.param == "partner":
        directory = partner.home / "there"
        directory.mkdir()
        ferryd.routes["in"]["to"] = [{"endpoint": "partner", "path": str(directory)}]
    return source, directory, ferryd.routes["in"]["to"][0]


def wait_state(ferryd, name, state):
    return wait_for(lambda: (j := ferryd.job(name)) and j["state"] == state and j,
                    lambda: f"{name} {state}: {ferryd.jobs()}")


def test_destination__name_template(ferryd, destination):
    source, directory, to = destination
    to["name"] = "{mtime:%Y%m%d}-{stem}-{route}{ext}"
    drop(source, "a.tar.gz", b"abc")
    os.utime(source / "a.tar.gz", (1700000000, 1700000000))
    ferryd.start()
    wait_state(ferryd, "a.tar.gz", "done")
    assert visible(directory) == ["20231114-a.tar-in.gz"]


def test_destination__exists_fail_holds_the_file(ferryd, destination):
    source, directory, to = destination
    to["exists"] = "fail"
    drop(directory, "a", b"in the way")
    drop(source, "a", b"abc")
    ferryd.start()
    job = wait_state(ferryd, "a", "held")
    assert (directory / "a").read_bytes() == b"in the way" and (source / "a").exists()
    shown = ferryd.say("show", str(job["id"]))
    assert "DELIVER-EXISTS" in shown and "exists: fail" in shown and "ferryctl retry" in shown, shown
    (directory / "a").unlink()
    ferryd.say("retry", str(job["id"]))
    wait_state(ferryd, "a", "done")
    assert (directory / "a").read_bytes() == b"abc" and visible(source) == []


def test_destination__exists_replace(ferryd, destination):
    source, directory, to = destination
    to["exists"] = "replace"
    drop(directory, "a", b"old")
    drop(source, "a", b"abc")
    ferryd.start()
    wait_state(ferryd, "a", "done")
    assert (directory / "a").read_bytes() == b"abc"


def test_destination__exists_skip(ferryd, destination):
    source, directory, to = destination
    to["exists"] = "skip"
    drop(directory, "a", b"old")
    drop(source, "a", b"abc")
    ferryd.start()
    wait_state(ferryd, "a", "done")
    assert (directory / "a").read_bytes() == b"old" and visible(source) == []


def test_destination__exists_rename(ferryd, destination):
    source, directory, to = destination
    to["exists"] = "rename"
    drop(directory, "a.txt", b"old")
    drop(source, "a.txt", b"abc")
    ferryd.start()
    wait_state(ferryd, "a.txt", "done")
    assert visible(directory) == ["a-1.txt", "a.txt"]
    assert (directory / "a.txt").read_bytes() == b"old" and (directory / "a-1.txt").read_bytes() == b"abc"


def test_destination__mode(ferryd, destination):
    source, directory, to = destination
    to["mode"] = "0604"
    drop(source, "a", b"abc")
    ferryd.start()
    wait_state(ferryd, "a", "done")
    assert (directory / "a").stat().st_mode & 0o777 == 0o604


def test_destination__mkdir(ferryd, route_in, partner):
    source, _ = route_in
    directory = partner.home / "new" / "deep"
    ferryd.routes["in"]["to"] = [{"endpoint": "partner", "path": str(directory), "mkdir": True}]
    drop(source, "a", b"abc")
    ferryd.start()
    wait_state(ferryd, "a", "done")
    assert visible(directory) == ["a"]


@pytest.mark.parametrize("verify", ["none", "size", "digest"])
def test_destination__verify(ferryd, destination, verify):
    source, directory, to = destination
    to["verify"] = verify
    drop(source, "a", b"abc" * 20000)
    ferryd.start()
    wait_state(ferryd, "a", "done")
    assert (directory / "a").read_bytes() == b"abc" * 20000


def test_destination__retry_gives_up_after_its_attempts(ferryd, route_in, partner):
    source, _ = route_in
    ferryd.routes["in"]["to"] = [{"endpoint": "partner", "path": str(partner.home / "missing"),
                                  "retry": {"first": "50ms", "most": "100ms", "attempts": 3}}]
    drop(source, "a", b"abc")
    began = time.monotonic()
    ferryd.start()
    job = wait_state(ferryd, "a", "held")
    assert time.monotonic() - began < 30
    shown = ferryd.ask("show", str(job["id"]))
    assert shown["deliveries"][0]["attempts"] == 3, shown
    assert (source / "a").exists(), "nothing is lost"


def test_destination__keeps_the_time_where_told(ferryd, destination):
    source, directory, to = destination
    to["mtime"] = "keep"
    for name, data in (("small", b"abc"), ("empty", b""), ("large", bytes(2_500_000))):
        drop(source, name, data)
        os.utime(source / name, (1_600_000_000, 1_600_000_001))
    ferryd.start()
    for name in ("small", "empty", "large"):
        wait_state(ferryd, name, "done")
        assert (directory / name).stat().st_mtime == 1_600_000_001, name


def test_destination__gives_a_new_time_otherwise(ferryd, destination):
    source, directory, _ = destination
    drop(source, "a", b"abc")
    os.utime(source / "a", (1_600_000_000, 1_600_000_000))
    ferryd.start()
    wait_state(ferryd, "a", "done")
    assert time.time() - (directory / "a").stat().st_mtime < 3600
