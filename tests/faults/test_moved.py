"""An endpoint that is pointed at another server while the answer to a rename, or to what is appended,
is outstanding: what is found there proves nothing."""
from pathlib import Path

import pytest

from lib.files import drop, visible
from lib.sshd import Sshd
from lib.wait import wait_for

MUTE = Path(__file__).parents[1] / "lib" / "mute_sftp.py"


@pytest.fixture
def unanswered(ferryd, place):
    """ferryd was killed after its file got its final name at `old`, and before it knew; the consumer
    has taken the file. The endpoint is `new` now: (old inbox, new inbox), same path at both."""
    old, new = Sshd(place / "old"), Sshd(place / "new")
    old.configure(subsystem=f"/usr/bin/python3 {MUTE} rename")
    inbox, source = place / "inbox", place / "drop"
    inbox.mkdir()
    source.mkdir()
    ferryd.endpoints["partner"] = old.start().endpoint()
    ferryd.routes["out"] = {"from": {"path": str(source), "after": "delete"},
                            "to": [{"endpoint": "partner", "path": str(inbox)}]}
    ferryd.start()
    drop(source, "f.txt", b"abc")
    wait_for(lambda: visible(inbox) == ["f.txt"], "the rename at the old server", 60)
    ferryd.kill()
    (inbox / "f.txt").unlink()
    old.stop()
    ferryd.endpoints["partner"] = new.start().endpoint()
    yield inbox
    new.stop()


def test_moved__is_held_and_says_what_to_do(ferryd, unanswered):
    ferryd.start()
    ferryd.wait_told("DELIVER-MOVED", "ferryctl cancel", "ferryctl retry")
    assert ferryd.job("f.txt")["state"] == "held"
    assert visible(unanswered) == []


def test_moved__a_retry_sends_it_to_the_new_server(ferryd, unanswered):
    ferryd.start()
    ferryd.wait_told("DELIVER-MOVED")
    ferryd.say("retry", str(ferryd.job("f.txt")["id"]))
    wait_for(lambda: visible(unanswered) == ["f.txt"], "the file", 60)
    wait_for(lambda: ferryd.job("f.txt")["state"] == "done", "the job to be done")




def test_moved__nothing_is_appended_to_a_file_of_another_server(ferryd, place):
    old, new = Sshd(place / "old"), Sshd(place / "new")
    old.configure(subsystem=f"/usr/bin/python3 {MUTE} write")
    inbox, source = place / "inbox", place / "drop"
    inbox.mkdir()
    source.mkdir()
    (inbox / "f.txt").write_bytes(b"before,")
    ferryd.endpoints["partner"] = old.start().endpoint()
    ferryd.routes["out"] = {"from": {"path": str(source), "after": "delete"},
                            "to": [{"endpoint": "partner", "path": str(inbox), "exists": "append"}]}
    ferryd.start()
    drop(source, "f.txt", b"abc")
    wait_for(lambda: (inbox / "f.txt").read_bytes() == b"before,abc", "the bytes at the old server", 60)
    ferryd.kill()
    old.stop()
    (inbox / "f.txt").write_bytes(b"before,")  # that of the new server, of the same size
    ferryd.endpoints["partner"] = new.start().endpoint()
    try:
        ferryd.start()
        ferryd.wait_told("DELIVER-MOVED", "ferryctl cancel")
        assert (inbox / "f.txt").read_bytes() == b"before,"
    finally:
        new.stop()
