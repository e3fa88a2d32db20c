"""The operator's day: status, pause, resume, poll, reload, a second daemon, stopping."""
import json
import os
import signal
import subprocess

import pytest

from lib.ferryd import FERRYCTL, FERRYD, Ferryd
from lib.files import Ledger, content, drop, visible
from lib.wait import stays_true, wait_for


def arrived(directory, *names):
    return lambda: visible(directory) == sorted(names)


def test_operate__pause_and_resume(ferryd, route_in):
    source, destination = route_in
    ferryd.start()
    ferryd.say("pause", "in")
    drop(source, "a", b"abc")
    stays_true(arrived(destination), "a paused route does nothing", 0.7)
    ferryd.stop()
    ferryd.resume()
    stays_true(arrived(destination), "still paused after a restart", 0.7)
    assert "paused" in ferryd.say("routes")
    ferryd.say("resume", "in")
    wait_for(arrived(destination, "a"), "the file")


def test_operate__poll_now(ferryd, route_in):
    source, destination = route_in
    ferryd.routes["in"]["from"]["poll"] = "1h"
    ferryd.start()
    wait_for(lambda: ferryd.route("in")["poll"]["last_ms"], "the first poll")
    drop(source, "a", b"abc")
    ferryd.say("poll", "in")
    wait_for(arrived(destination, "a"), "the file")


@pytest.mark.parametrize("how", ["ferryctl", "SIGHUP"])
def test_operate__reload(how, ferryd, route_in, place):
    source, destination = route_in
    ferryd.start()
    drop(source, "a", b"abc")
    wait_for(arrived(destination, "a"), "the file")
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    ferryd.routes["in"]["to"] = [{"path": str(elsewhere)}]
    ferryd.write_config()
    if how == "SIGHUP":
        before = ferryd.ask("status")["config"]["loaded_ms"]
        ferryd.process.send_signal(signal.SIGHUP)
        wait_for(lambda: ferryd.ask("status")["config"]["loaded_ms"] > before, "the new configuration")
    else:
        ferryd.say("reload")
    drop(source, "b", b"abc")
    wait_for(arrived(elsewhere, "b"), "the file at the new place")
    assert visible(destination) == ["a"]


def test_operate__reload_adds_and_removes_routes(ferryd, route_in, place):
    source, destination = route_in
    ferryd.start()
    other, target = place / "other", place / "target"
    other.mkdir()
    target.mkdir()
    ferryd.routes["copy"] = {"from": {"path": str(other), "after": "delete"}, "to": [{"path": str(target)}]}
    ferryd.write_config()
    ferryd.say("reload")
    drop(other, "x", b"abc")
    wait_for(arrived(target, "x"), "the new route")
    del ferryd.routes["in"]
    ferryd.write_config()
    ferryd.say("reload")
    drop(source, "a", b"abc")
    stays_true(arrived(destination), "the route is gone", 0.7)
    assert "in" not in {r["name"] for r in ferryd.items("routes")}


def test_operate__a_reload_does_not_disturb_a_transfer(ferryd, route_in):
    source, destination = route_in
    ledger = Ledger()
    ferryd.start()
    for number in range(30):
        ledger.produce(source, f"f{number}", content(number, 200_000))
        if number % 3 == 0:
            ferryd.trace["keep"] = f"{number + 1}d"
            ferryd.write_config()
            ferryd.say("reload")
    wait_for(lambda: len(visible(destination)) == 30, "all files")
    ledger.check(destination, "destination")


def test_operate__a_broken_file_leaves_the_old_one_in_force(ferryd, route_in):
    source, destination = route_in
    ferryd.start()
    good = ferryd.config.read_text()
    ferryd.write_config(good.replace('"poll"', '"pol"'))
    run = ferryd.ctl("reload")
    said = run.stdout + run.stderr
    assert run.returncode != 0
    assert "routes.in.from.pol" in said and 'did you mean "poll"' in said and "ferryd.yaml:" in said, said
    assert "pol" in (ferryd.ask("status")["config"]["reload_error"] or "")
    assert "reload" in ferryd.say("status").lower()
    drop(source, "a", b"abc")
    wait_for(arrived(destination, "a"), "the old configuration still works")
    ferryd.write_config(good)
    ferryd.say("reload")
    assert ferryd.ask("status")["config"]["reload_error"] is None


def refused(ferryd, place, key, value):
    """What a second daemon says that shares this with the first one, and ends."""
    ferryd.start()
    (place / "second").mkdir()
    second = Ferryd(place / "second")
    second.daemon[key] = str(value)
    second.write_config()
    second.launch()
    try:
        assert second.wait_exit() != 0
    finally:
        second.kill()
    return second.log_text()


def test_operate__a_second_daemon_on_the_same_state_is_refused(ferryd, route_in, place):
    source, destination = route_in
    said = refused(ferryd, place, "state_dir", ferryd.state)
    assert "STORE-LOCKED" in said and str(ferryd.process.pid) in said, said
    drop(source, "a", b"abc")
    wait_for(arrived(destination, "a"), "the first one is unharmed")


def test_operate__a_second_daemon_on_the_same_socket_is_refused(ferryd, place):
    assert str(ferryd.socket) in refused(ferryd, place, "socket", ferryd.socket)
    assert ferryd.say("status")


def test_operate__sigterm_lets_running_transfers_end(ferryd, route_in):
    source, destination = route_in
    ledger = Ledger()
    for number in range(200):
        ledger.produce(source, f"f{number:03}", content(number, 50_000))
    ferryd.start()
    wait_for(lambda: len(visible(destination)) > 3, "the first files")
    ferryd.stop()
    for name in visible(destination):
        assert (destination / name).stat().st_size == 50_000
    ferryd.resume()
    wait_for(lambda: len(visible(destination)) == 200 and not visible(source), "all the others")
    ledger.check(destination, "destination")


def test_operate__jobs_can_be_filtered(ferryd, route_in):
    source, destination = route_in
    for number in range(3):
        drop(source, f"f{number}", b"abc")
    ferryd.start()
    wait_for(lambda: len(ferryd.jobs("--state", "done")) == 3, "three jobs done")
    assert ferryd.jobs("--state", "held") == []
    assert len(ferryd.jobs("--route", "in")) == 3
    assert len(visible(destination)) == 3
    table = ferryd.say("jobs")
    assert "f0" in table and "done" in table


def test_operate__show_tells_the_story(ferryd, route_in):
    source, _ = route_in
    drop(source, "a", b"abc")
    ferryd.start()
    wait_for(lambda: (j := ferryd.job("a")) and j["state"] == "done", "the job")
    story = ferryd.ask("show", str(ferryd.job("a")["id"]))
    assert [e["step"] for e in story["events"]][0] == "claimed"
    assert story["job"]["sha256"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert story["deliveries"][0]["state"] == "delivered"
    assert "ba7816bf" in ferryd.say("show", str(ferryd.job("a")["id"]))


def test_operate__ps_names_what_is_waited_for(ferryd, route_in):
    ferryd.start()
    assert ferryd.items("ps") and all(f["waits_for"] for f in ferryd.items("ps"))


@pytest.mark.parametrize("arguments,words", [
    (["poll", "inn"], ["inn", 'did you mean "in"']),
    (["show", "4711"], ["4711"]),
    (["retry", "4711"], ["4711"]),
    (["jobs", "--state", "lost"], ["lost"]),
    (["jobs", "--route", "inn"], []),
    (["frobnicate"], ["frobnicate"]),
])
def test_operate__mistakes_are_answered(arguments, words, ferryd, route_in):
    ferryd.start()
    run = ferryd.ctl(*arguments)
    if words:
        assert run.returncode != 0
    for word in words:
        assert word in run.stdout + run.stderr


def test_operate__ferryctl_without_a_daemon_says_so(place):
    run = subprocess.run([FERRYCTL, "--socket", str(place / "none"), "status"], capture_output=True, text=True)
    assert run.returncode != 0
    assert str(place / "none") in run.stderr and "running" in run.stderr


def test_operate__json_is_json(ferryd, route_in):
    ferryd.start()
    for verb in (["status"], ["routes"], ["jobs"], ["ps"]):
        for line in ferryd.say("--json", *verb).splitlines():
            json.loads(line)


def test_operate__version_names_the_libraries():
    said = subprocess.run([FERRYD, "--version"], capture_output=True, text=True, check=True).stdout
    for word in ("ferryd", "libssh2", "libuv", "SQLite"):
        assert word.lower() in said.lower()


def test_operate__schema_is_committed():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    said = subprocess.run([FERRYD, "--print-schema"], capture_output=True, text=True, check=True).stdout
    with open(f"{root}/schema/ferryd.schema.json", encoding="utf-8") as f:
        assert said == f.read(), "run: ferryd --print-schema >schema/ferryd.schema.json"
    assert json.loads(said)["$schema"].endswith("2020-12/schema")
