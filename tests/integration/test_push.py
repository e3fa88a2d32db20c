"""Watched directories to the partner: pushed at once, never before they are complete."""
import os

from lib.files import Ledger, content, drop, litter, visible
from lib.wait import stays_true, wait_for


def wait_settled(ferryd, count):
    wait_for(lambda: [j["state"] for j in ferryd.jobs()] == ["done"] * count, f"{count} jobs done")


def test_push__carries_what_is_dropped(ferryd, route_out):
    source, destination = route_out
    ledger = Ledger()
    for number, size in enumerate([0, 1, 4096, 65537, 3_000_000]):
        ledger.produce(source, f"before-{size}", content(number, size))
    ferryd.start()
    for number, size in enumerate([0, 1, 4096, 65537, 3_000_000]):
        ledger.produce(source, f"after-{size}", content(number + 100, size))
    wait_for(lambda: len(visible(destination)) == len(ledger.sums), "all files")
    wait_settled(ferryd, len(ledger.sums))
    ledger.check(destination, "destination")
    assert visible(source) == [] and litter(source) == [] and litter(destination) == []


def test_push__takes_a_file_when_its_writer_closes_it(ferryd, route_out):
    source, destination = route_out
    ferryd.start()
    with open(source / "slow", "wb") as f:
        f.write(b"first half, ")
        f.flush()
        stays_true(lambda: visible(destination) == [], "a file that is open for writing is left alone", 0.7)
        f.write(b"second half")
    wait_for(lambda: visible(destination) == ["slow"], "the closed file")
    assert (destination / "slow").read_bytes() == b"first half, second half"


def test_push__needs_no_poll(ferryd, route_out):
    source, destination = route_out
    ferryd.routes["out"]["from"]["poll"] = "1h"
    ferryd.start()
    for number in range(20):
        drop(source, f"f{number}", b"x" * number)
        wait_for(lambda: f"f{number}" in visible(destination), f"f{number}", 5)  # noqa: B023


def test_push__keeps_or_moves_the_source(ferryd, route_out):
    source, destination = route_out
    (source / "sent").mkdir()
    ferryd.routes["out"]["from"]["after"] = {"move": "sent"}
    drop(source, "a", b"abc")
    ferryd.start()
    wait_settled(ferryd, 1)
    assert visible(destination) == ["a"] and visible(source) == [] and visible(source / "sent") == ["a"]


def test_push__keep_leaves_the_file_and_pushes_it_once(ferryd, route_out):
    source, destination = route_out
    ferryd.routes["out"]["from"]["after"] = "keep"
    drop(source, "a", b"abc")
    ferryd.start()
    wait_settled(ferryd, 1)
    assert visible(source) == ["a"] and visible(destination) == ["a"]
    ferryd.stop()
    ferryd.resume()
    ferryd.say("poll", "out")
    stays_true(lambda: len(ferryd.jobs()) == 1, "pushed once", 0.7)


def test_push__renames_the_source(ferryd, route_out):
    source, _ = route_out
    ferryd.routes["out"]["from"].update({"after": {"rename": "{name}.sent"}, "exclude": ["*.sent"]})
    drop(source, "a", b"abc")
    ferryd.start()
    wait_settled(ferryd, 1)
    assert visible(source) == ["a.sent"]


def test_push__refuses_what_is_no_plain_file(ferryd, route_out, place):
    source, destination = route_out
    secret = place / "secret"
    secret.write_text("not for the partner")
    os.symlink(secret, source / "link")
    os.mkfifo(source / "fifo")
    (source / "directory").mkdir()
    ferryd.start()
    drop(source, "plain", b"abc")
    wait_for(lambda: visible(destination) == ["plain"], "the plain file")
    ferryd.say("poll", "out")
    stays_true(lambda: visible(destination) == ["plain"], "only the plain file goes", 0.5)
    assert os.path.islink(source / "link") and (source / "fifo").exists()


def test_push__local_to_local(ferryd, place):
    source, destination = place / "a", place / "b"
    source.mkdir()
    destination.mkdir()
    ferryd.routes["copy"] = {"from": {"path": str(source), "after": "delete"}, "to": [{"path": str(destination)}]}
    ledger = Ledger()
    for number in range(50):
        ledger.produce(source, f"f{number}", content(number, number * 1000))
    ferryd.start()
    wait_settled(ferryd, 50)
    ledger.check(destination, "destination")
    assert visible(source) == []


def test_push__a_thousand_files(ferryd, route_out):
    source, destination = route_out
    ledger = Ledger()
    for number in range(1000):
        ledger.produce(source, f"f{number:04}", content(number, number % 700))
    ferryd.start()
    wait_for(lambda: len(visible(destination)) == 1000, lambda: f"all: {len(visible(destination))}", 90)
    ledger.check(destination, "destination")
