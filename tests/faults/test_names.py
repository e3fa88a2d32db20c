"""Names that are no names: refused with a reason, once, and nothing else is harmed."""
from pathlib import Path

import pytest

from lib.files import drop, visible
from lib.fixtures import sftp_endpoint
from lib.sshd import Sshd
from lib.wait import stays_true, wait_for

EVIL = Path(__file__).parents[1] / "lib" / "evil_sftp.py"

NAMES = {
    b"../../etc/cron.d/evil": "NAME-SLASH",
    b"/etc/passwd": "NAME-SLASH",
    b"new\nline.txt": "NAME-CONTROL",
    b"nul\0byte.txt": "NAME-CONTROL",
    b"\x1b[2Jclear": "NAME-CONTROL",
    b"x" * 300: "NAME-LONG",
    b"bad-utf8-\xff\xfe.txt": "NAME-ENCODING",
}


@pytest.fixture
def evil_names(place, ferryd):
    sshd = Sshd(place / "evil")
    listing = place / "names"
    sshd.configure(subsystem=f"/usr/bin/python3 {EVIL} names {listing}")
    sshd.start()
    (place / "in").mkdir()
    ferryd.endpoints["partner"] = sftp_endpoint(sshd)
    ferryd.routes["in"] = {"from": {"endpoint": "partner", "path": "/out", "poll": "200ms", "hidden": True,
                                    "ready": {"stable_for": "0s"}, "after": "keep"},
                           "to": [{"path": str(place / "in")}]}

    def give(names):
        listing.write_text("".join(n.hex() + "\n" for n in names))
    yield give
    sshd.stop()


def test_names__each_is_refused_with_its_reason(ferryd, evil_names, place):
    evil_names(list(NAMES) + [b"good.txt", b"..", b".", b".a.1-1.ferryd-part"])
    ferryd.start()
    wait_for(lambda: visible(place / "in") == ["good.txt"], "the good one")
    wait_for(lambda: len(ferryd.jobs("--state", "quarantined")) >= len(NAMES), lambda: f"all: {ferryd.jobs()}")
    refused = ferryd.jobs("--state", "quarantined")
    codes = sorted(j["code"] for j in refused)
    assert codes == sorted(NAMES.values()), refused
    stays_true(lambda: visible(place / "in") == ["good.txt"], "nothing else arrives", 0.5)
    assert not (place.parent / "etc").exists() and not Path("/etc/cron.d/evil").exists()


def test_names__refused_once_and_on_one_line_each(ferryd, evil_names):
    evil_names(list(NAMES))
    ferryd.start()
    wait_for(lambda: len(ferryd.jobs("--state", "quarantined")) == len(NAMES), "all refused")
    for _ in range(3):
        before = ferryd.route("in")["poll"]["last_ms"]
        wait_for(lambda: ferryd.route("in")["poll"]["last_ms"] > before, "another poll")  # noqa: B023
    assert len(ferryd.jobs("--state", "quarantined")) == len(NAMES)
    table = ferryd.say("jobs") + ferryd.log_text()
    assert "\x1b[2J" not in table and "\0" not in table
    assert r"\x0aline.txt" in table, table
    assert not any(line.startswith("line.txt") for line in table.splitlines())


def test_names__of_local_files(ferryd, route_out):
    source, destination = route_out
    ferryd.start()
    with open(bytes(source) + b"/bad-\xff.txt", "wb") as f:
        f.write(b"abc")
    with open(bytes(source) + b"/new\nline", "wb") as f:
        f.write(b"abc")
    drop(source, "good", b"abc")
    wait_for(lambda: visible(destination) == ["good"], "the good one")
    wait_for(lambda: sorted(j["code"] for j in ferryd.jobs("--state", "quarantined"))
             == ["NAME-CONTROL", "NAME-ENCODING"], "both refused")
