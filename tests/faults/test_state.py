"""The state database missing, newer, corrupt: never guessed, always told."""
import sqlite3

import pytest

from lib.files import drop, visible
from lib.wait import stays_true, wait_for


def run_one_file(ferryd, route_in):
    source, destination = route_in
    ferryd.routes["in"]["from"]["after"] = "keep"
    drop(source, "a", b"abc")
    ferryd.start()
    wait_for(lambda: visible(destination) == ["a"], "the file")
    wait_for(lambda: [j["state"] for j in ferryd.jobs()] == ["done"], "the job")
    ferryd.stop()
    return source, destination


def check_refused(ferryd, *words):
    ferryd.launch()
    assert ferryd.wait_exit() != 0
    said = ferryd.log_text()
    for word in words:
        assert word in said, said


def test_state__missing_database_is_made(ferryd, route_in):
    run_one_file(ferryd, route_in)
    for path in ferryd.state.glob("ferryd.db*"):
        path.unlink()
    ferryd.routes["in"]["from"]["after"] = "keep"
    ferryd.resume()
    assert (ferryd.state / "ferryd.db").exists()
    # Without its memory ferryd sees the file as new; the destination's policy keeps it from harm.
    wait_for(lambda: (j := ferryd.job("a")) and j["state"] == "held", "the file to be held: its name is taken")
    assert "DELIVER-EXISTS" in ferryd.say("show", str(ferryd.job("a")["id"]))


def test_state__newer_database_is_refused(ferryd, route_in):
    run_one_file(ferryd, route_in)
    db = sqlite3.connect(ferryd.state / "ferryd.db")
    db.execute("PRAGMA user_version = 9999")
    db.close()
    before = (ferryd.state / "ferryd.db").read_bytes()
    check_refused(ferryd, "STORE-NEWER", str(ferryd.state / "ferryd.db"), "newer")
    assert (ferryd.state / "ferryd.db").read_bytes() == before, "untouched"


@pytest.mark.parametrize("damage", ["garbage", "truncated", "page"])
def test_state__corrupt_database_is_refused(damage, ferryd, route_in):
    _, destination = run_one_file(ferryd, route_in)
    path = ferryd.state / "ferryd.db"
    data = bytearray(path.read_bytes())
    if damage == "garbage":
        data[:100] = b"this is no database " * 5
    elif damage == "truncated":
        data = data[:len(data) * 2 // 3 - 100]
    else:
        data[4096:8192] = b"\xa5" * 4096
    path.write_bytes(data)
    check_refused(ferryd, "STORE-CORRUPT", str(path))
    assert visible(destination) == ["a"]


def test_state__empty_file_instead_of_a_database(ferryd, route_in):
    source, destination = run_one_file(ferryd, route_in)
    for path in ferryd.state.glob("ferryd.db*"):
        path.write_bytes(b"") if path.name == "ferryd.db" else path.unlink()
    ferryd.launch()
    wait_for(lambda: ferryd.process.poll() is not None or ferryd.ctl("status").returncode == 0, "an answer")
    if ferryd.process.poll() is not None:
        ferryd.process = None
        assert "STORE-" in ferryd.log_text()


def test_state__directory_that_cannot_be_used(ferryd, route_in, place):
    file = place / "file"
    file.write_text("not a directory")
    ferryd.daemon["state_dir"] = str(file)
    ferryd.write_config()
    ferryd.launch()
    assert ferryd.wait_exit() != 0
    assert str(file) in ferryd.log_text()


def test_state__a_restart_changes_nothing(ferryd, route_in):
    run_one_file(ferryd, route_in)
    before = ferryd.database()
    ferryd.resume()
    ferryd.say("poll", "in")
    stays_true(lambda: len(ferryd.jobs()) == 1, "nothing new", 0.5)
    ferryd.stop()
    assert ferryd.database() == before
