"""Partner to local directories: polled, fetched, settled."""
import os

from lib.files import Ledger, content, drop, litter, visible
from lib.wait import stays_true, wait_for


def arrived(directory, *names):
    return lambda: visible(directory) == sorted(names)


def wait_settled(ferryd, count):
    wait_for(lambda: [j["state"] for j in ferryd.jobs()] == ["done"] * count, f"{count} jobs done")


def test_fetch__carries_files_of_every_size_and_removes_them(ferryd, route_in):
    source, destination = route_in
    ledger = Ledger()
    for number, size in enumerate([0, 1, 4095, 4096, 4097, 32767, 32768, 32769, 261120, 1 << 20, 5_000_000]):
        ledger.produce(source, f"file-{size}.bin", content(number, size))
    ferryd.start()
    wait_for(lambda: len(visible(destination)) == len(ledger.sums), "all files")
    wait_settled(ferryd, len(ledger.sums))
    ledger.check(destination, "destination")
    assert visible(source) == [] and litter(destination) == []
    assert visible(ferryd.state / "spool") == []


def test_fetch__carries_odd_names(ferryd, route_in):
    source, destination = route_in
    names = ["Grüße & Küsse.csv", "-dash", "a b", "it's \"quoted\"", "back\\slash", "*?[x]", "{name}", "%s%n",
             "x" * 255, "日本語.txt", "~", "#1", "semi;colon$HOME`id`"]
    ledger = Ledger()
    for number, name in enumerate(names):
        ledger.produce(source, name, content(number, 10))
    ferryd.start()
    wait_for(lambda: len(visible(destination)) == len(names), "all names")
    ledger.check(destination, "destination")


def test_fetch__fans_out_and_each_destination_goes_its_own_way(ferryd, route_in, partner, place):
    source, near = route_in
    far, shut = partner.home / "copy", place / "shut"
    far.mkdir()
    shut.mkdir()
    drop(shut, "a", b"in the way")
    ferryd.routes["in"]["to"] = [{"path": str(near)}, {"endpoint": "partner", "path": str(far)},
                                 {"path": str(shut), "exists": "fail"}]
    drop(source, "a", b"abc")
    ferryd.start()
    wait_for(lambda: visible(near) == ["a"] and visible(far) == ["a"], "two of three")
    wait_for(lambda: ferryd.job("a")["state"] != "claimed", "the job to be stored")
    assert (source / "a").exists(), "the source goes only when all destinations have the file"
    (shut / "a").unlink()
    ferryd.say("retry", str(ferryd.job("a")["id"]))
    wait_settled(ferryd, 1)
    assert (shut / "a").read_bytes() == b"abc" and visible(source) == []


def test_fetch__keeps_what_it_shall_keep_and_takes_each_version_once(ferryd, route_in):
    source, destination = route_in
    ferryd.routes["in"]["from"]["after"] = "keep"
    ferryd.routes["in"]["to"][0]["exists"] = "replace"
    drop(source, "a", b"one")
    ferryd.start()
    wait_for(arrived(destination, "a"), "a")
    wait_settled(ferryd, 1)
    (destination / "a").unlink()
    for _ in range(3):
        ferryd.say("poll", "in")
    stays_true(lambda: visible(destination) == [], "a version is taken once: nothing new", 1)
    drop(source, "a", b"two, longer")
    wait_for(arrived(destination, "a"), "the new version")
    wait_settled(ferryd, 2)
    ferryd.stop()
    ferryd.resume()
    stays_true(lambda: len(ferryd.jobs()) == 2, "nothing new after a restart", 1)


def test_fetch__moves_the_source(ferryd, route_in):
    source, destination = route_in
    (source / "done").mkdir()
    ferryd.routes["in"]["from"]["after"] = {"move": "done"}
    drop(source, "a", b"abc")
    ferryd.start()
    wait_settled_with(ferryd, source, {"done/a"})
    assert (destination / "a").read_bytes() == b"abc"


def test_fetch__renames_the_source(ferryd, route_in):
    source, _ = route_in
    ferryd.routes["in"]["from"]["after"] = {"rename": "{name}.taken"}
    ferryd.routes["in"]["from"]["exclude"] = ["*.taken"]
    drop(source, "a", b"abc")
    ferryd.start()
    wait_settled_with(ferryd, source, {"a.taken"})


def wait_settled_with(ferryd, source, names):
    wait_settled(ferryd, 1)
    found = {os.path.relpath(os.path.join(folder, n), source) for folder, _, ns in os.walk(source) for n in ns}
    assert found == names


def test_fetch__leaves_a_newer_version_alone(ferryd, route_in, place):
    """The source is replaced between fetch and settle: the new version survives and is carried too."""
    source, destination = route_in
    blocker = place / "blocker"
    blocker.mkdir()
    drop(blocker, "a", b"in the way")
    ferryd.routes["in"]["to"] = [{"path": str(destination), "exists": "replace"},
                                 {"path": str(blocker), "exists": "fail"}]
    drop(source, "a", b"old")
    ferryd.start()
    wait_for(lambda: arrived(destination, "a")() and (destination / "a").read_bytes() == b"old", "the old version")
    wait_for(lambda: ferryd.job("a")["state"] == "held", "the second destination to give up")
    old = ferryd.job("a")["id"]
    drop(source, "a", b"new and longer")
    wait_for(lambda: (destination / "a").read_bytes() == b"new and longer", "the new version")
    new = wait_for(lambda: [j for j in ferryd.jobs() if j["id"] != old and j["state"] == "held"], "the new job held")
    (blocker / "a").unlink()
    ferryd.say("retry", str(old))
    wait_for(lambda: ferryd.ask("show", str(old))["job"]["state"] == "done", "the old job to be done")
    assert (source / "a").read_bytes() == b"new and longer", "settling the old job must not remove the new file"
    (blocker / "a").unlink()
    ferryd.say("retry", str(new[0]["id"]))
    wait_settled(ferryd, 2)
    assert visible(source) == []


def test_fetch__waits_until_a_file_is_stable(ferryd, route_in):
    source, destination = route_in
    ferryd.routes["in"]["from"]["ready"] = {"stable_for": "1s"}
    ferryd.start()
    with open(source / "slow", "wb") as f:
        for _ in range(8):
            f.write(b"x" * 1000)
            f.flush()
            stays_true(lambda: visible(destination) == [], "a growing file is left alone", 0.25)
    wait_for(arrived(destination, "slow"), "the file once it is stable")
    assert (destination / "slow").stat().st_size == 8000
