"""Which files a route takes, in which order, and when."""
import os
import time

from lib.files import drop, visible
from lib.wait import stays_true, wait_for


def check_taken(ferryd, route_in, options, taken, left):
    """With these options of `from`, exactly `taken` arrive; `left` stay at the source."""
    source, destination = route_in
    ferryd.routes["in"]["from"].update(options)
    ferryd.start()
    wait_for(lambda: visible(destination) == sorted(taken), lambda: f"{taken}; there: {visible(destination)}")
    for _ in range(2):
        ferryd.say("poll", "in")
    stays_true(lambda: visible(destination) == sorted(taken), "only these", 0.5)
    there = {e.name for e in os.scandir(source) if e.is_file()}
    assert there == set(left)


def drop_all(source, names, data=b"abc"):
    for name in names:
        drop(source, name, data)


def test_selection__match_and_exclude(ferryd, route_in):
    drop_all(route_in[0], ["a.xml", "b.csv", "c.txt", "tmp-d.xml", "E.XML"])
    check_taken(ferryd, route_in, {"match": ["*.xml", "*.csv"], "exclude": ["tmp-*"]},
                ["a.xml", "b.csv"], ["c.txt", "tmp-d.xml", "E.XML"])


def test_selection__hidden_files_only_when_told(ferryd, route_in):
    drop_all(route_in[0], ["a", ".hidden"])
    check_taken(ferryd, route_in, {}, ["a"], [".hidden"])


def test_selection__hidden_files(ferryd, route_in):
    source, destination = route_in
    drop_all(source, ["a", ".hidden"])
    ferryd.routes["in"]["from"]["hidden"] = True
    ferryd.start()
    wait_for(lambda: (destination / ".hidden").exists() and (destination / "a").exists(), "both")


def test_selection__sizes(ferryd, route_in):
    for size in (0, 9, 10, 100, 101):
        drop(route_in[0], f"s{size}", b"x" * size)
    check_taken(ferryd, route_in, {"min_size": "10B", "max_size": "100B"}, ["s10", "s100"], ["s0", "s9", "s101"])
    assert any("s101" in j["path"] for j in ferryd.jobs()), "a file that is too large is told to the operator"


def test_selection__ages(ferryd, route_in):
    source = route_in[0]
    now = time.time()
    for name, age in (("young", 0), ("right", 3600), ("old", 3 * 86400)):
        drop(source, name, b"abc")
        os.utime(source / name, (now - age, now - age))
    check_taken(ferryd, route_in, {"min_age": "10m", "max_age": "1d"}, ["right"], ["young", "old"])


def test_selection__recurse(ferryd, route_in):
    source, destination = route_in
    (source / "one" / "two" / "three").mkdir(parents=True)
    for folder, name in ((source, "top"), (source / "one", "first"), (source / "one/two", "second"),
                         (source / "one/two/three", "third")):
        drop(folder, name, name.encode())
    ferryd.routes["in"]["from"]["recurse"] = 2
    ferryd.routes["in"]["to"][0]["mkdir"] = True
    ferryd.start()
    wait_for(lambda: found(destination) == {"first", "second", "top"}, lambda: f"three levels: {found(destination)}")
    ferryd.say("poll", "in")
    stays_true(lambda: "third" not in found(destination), "the fourth level is left alone", 0.5)
    assert (source / "one/two/three/third").exists()


def found(directory):
    return {n for _, _, names in os.walk(directory) for n in names if not n.startswith(".")}


def test_selection__order(ferryd, route_in):
    source, destination = route_in
    now = time.time()
    for number, name in enumerate(["b", "c", "a"]):
        drop(source, name, b"x" * (number + 1))
        os.utime(source / name, (now - 1000 * number, now - 1000 * number))
    ferryd.routes["in"]["from"]["order"] = "mtime"
    ferryd.start()
    wait_for(lambda: len(visible(destination)) == 3, "all")
    ids = {j["path"]: j["id"] for j in ferryd.jobs()}
    assert sorted(ids, key=ids.get) == ["a", "c", "b"], "oldest first"


def test_selection__order_descending(ferryd, route_in):
    source, destination = route_in
    for number, name in enumerate(["b", "c", "a"]):
        drop(source, name, b"x" * (number + 1))
    ferryd.routes["in"]["from"]["order"] = "-size"
    ferryd.start()
    wait_for(lambda: len(visible(destination)) == 3, "all")
    ids = {j["path"]: j["id"] for j in ferryd.jobs()}
    assert sorted(ids, key=ids.get) == ["a", "c", "b"], "largest first"


def test_selection__cron_says_when(ferryd, route_in):
    source, destination = route_in
    drop(source, "a", b"abc")
    route = ferryd.routes["in"]["from"]
    del route["poll"]
    # Half a year from now, wherever that falls.
    month = (time.localtime().tm_mon + 5) % 12 + 1
    route.update({"cron": f"30 6 1 {month} *", "time_zone": "Europe/Berlin"})
    ferryd.start()
    stays_true(lambda: visible(destination) == [], "the hour has not come", 0.7)
    assert ferryd.route("in")["poll"]["next_ms"], "a plan is made"
    ferryd.say("poll", "in")
    wait_for(lambda: visible(destination) == ["a"], "an operator's poll")


def test_selection__disabled_routes_do_nothing(ferryd, route_in):
    source, destination = route_in
    drop(source, "a", b"abc")
    ferryd.routes["in"]["enabled"] = False
    ferryd.start()
    stays_true(lambda: visible(destination) == [], "disabled", 0.7)
