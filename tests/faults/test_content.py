"""Files that change under our hands, and files without content."""
import threading

from lib.files import drop, visible
from lib.fixtures import sftp_endpoint
from lib.sshd import Sshd
from lib.wait import stays_true, wait_for

from test_names import EVIL


def test_content__a_file_that_grows_while_it_is_read(ferryd, place):
    sshd = Sshd(place / "evil")
    sshd.configure(subsystem=f"/usr/bin/python3 {EVIL} growing")
    sshd.start()
    (place / "in").mkdir()
    ferryd.endpoints["partner"] = sftp_endpoint(sshd)
    ferryd.routes["in"] = {"from": {"endpoint": "partner", "path": "/out", "poll": "200ms",
                                    "ready": {"stable_for": "0s"}, "after": "delete"},
                           "to": [{"path": str(place / "in")}],
                           "retry": {"first": "50ms", "most": "200ms"}}
    try:
        ferryd.start()
        ferryd.wait_told("growing.txt", "DATA-")
        assert visible(place / "in") == [], "what changed while it was read is not delivered"
    finally:
        sshd.stop()


def test_content__a_real_file_that_grows_arrives_once_it_is_whole(ferryd, route_in):
    source, destination = route_in
    stop = threading.Event()

    def grow():
        with open(source / "log", "ab") as f:
            while not stop.wait(0.01):
                f.write(b"line\n" * 200)
                f.flush()

    ferryd.routes["in"]["retry"] = {"first": "50ms", "most": "200ms"}
    ferryd.routes["in"]["from"]["ready"] = {"stable_for": "500ms"}
    writer = threading.Thread(target=grow)
    writer.start()
    try:
        ferryd.start()
        stays_true(lambda: visible(destination) == [], "a growing file is not taken", 1.5)
    finally:
        stop.set()
        writer.join()
    size = (source / "log").stat().st_size
    wait_for(lambda: visible(destination) == ["log"], "the file, once it is still")
    assert (destination / "log").stat().st_size == size


def test_content__an_empty_file_is_a_file(ferryd, route_in):
    source, destination = route_in
    drop(source, "empty", b"")
    ferryd.start()
    wait_for(lambda: visible(destination) == ["empty"] and not visible(source), "the empty file")


def test_content__an_empty_file_is_pushed(ferryd, route_out):
    source, destination = route_out
    ferryd.start()
    drop(source, "empty", b"")
    wait_for(lambda: visible(destination) == ["empty"] and not visible(source), "the empty file")


def test_content__a_source_that_vanishes(ferryd, route_in):
    source, destination = route_in
    ferryd.routes["in"]["from"]["ready"] = {"stable_for": "400ms"}
    ferryd.start()
    drop(source, "gone", b"abc")
    wait_for(lambda: ferryd.route("in")["poll"]["seen"] >= 1, "the file to be seen")
    (source / "gone").unlink()
    drop(source, "stays", b"abc")
    wait_for(lambda: visible(destination) == ["stays"], "the other file")
    assert not [j for j in ferryd.jobs() if j["path"] == "gone" and j["state"] not in ("skipped",)]
