"""What waits for a route or a destination that was taken out of the configuration: kept, told, gone on with or given up."""
import subprocess

import pytest

from lib.ferryd import FERRYCTL
from lib.files import Ledger, content, drop, litter, visible
from lib.processes import frozen
from lib.wait import PATIENCE, stays_true, wait_for


def orphans(ferryd):
    return ferryd.items("status", "orphan")


def reload(ferryd):
    ferryd.write_config()
    return ferryd.say("reload")


def told_everywhere(ferryd, code, *words):
    """By the reload, the log, `ferryctl status`; and again after a kill."""
    said = reload(ferryd)
    assert code in said and all(w in said for w in words), said
    assert f"code={code}" in ferryd.log_text()
    ferryd.kill()
    ferryd.log.unlink()
    ferryd.resume()
    wait_for(lambda: f"code={code}" in ferryd.log_text(), ferryd.log_text)
    said = ferryd.say("status")
    assert code in said and all(w in said for w in words), said


def quiet(ferryd):
    return orphans(ferryd) == [] and "ORPHANED" not in ferryd.say("status")


def events(ferryd, job, step):
    return [e["text"] for e in ferryd.ask("show", str(job)).get("events", []) if e["step"] == step]


def wait_state(ferryd, name, state):
    return wait_for(lambda: (j := ferryd.job(name)) and j["state"] == state and j,
                    lambda: f"{name} to be {state}\n{ferryd.told()}")


# ---- a destination that is gone -------------------------------------------------------------------


@pytest.fixture
def failing(ferryd, place, route_out):
    """Delivered, and the command after that fails until `mark` is there: (the job's number, mark, destination)."""
    source, destination = route_out
    mark = place / "mark"
    ferryd.routes["out"]["to"][0].update(
        commands={"after": {"run": ["sh", "-c", 'test -e "$1"', "sh", str(mark)]}},
        retry={"first": "50ms", "most": "100ms", "attempts": 100000})
    drop(source, "a", b"abc")
    ferryd.start()
    job = wait_state(ferryd, "a", "done")["id"]
    wait_for(lambda: events(ferryd, job, "retry"), "the command to fail")
    return job, mark, destination


def move_destination(ferryd, destination):
    elsewhere = destination.parent / "elsewhere"
    elsewhere.mkdir()
    ferryd.routes["out"]["to"][0]["path"] = str(elsewhere)


def test_orphans__a_command_waits_for_its_destination(ferryd, failing):
    job, mark, destination = failing
    move_destination(ferryd, destination)
    told_everywhere(ferryd, "CALL-NO-DESTINATION", "1 command after a delivery", str(destination), f"job {job}")
    found = orphans(ferryd)
    assert len(found) == 1 and found[0]["commands"] == 1 and found[0]["leftovers"] == 0 and found[0]["jobs"] == [job], found
    assert found[0]["to"].endswith(str(destination)) and found[0]["route"] == "out" and found[0]["files"] == 0
    mark.touch()
    stays_true(lambda: not events(ferryd, job, "command"), "nobody runs it", 0.5)
    ferryd.routes["out"]["to"][0]["path"] = str(destination)
    assert "CALL-NO-DESTINATION" not in reload(ferryd)
    wait_for(lambda: len(events(ferryd, job, "command")) == 1, "the command, once it is back")
    assert quiet(ferryd)


def test_orphans__a_command_is_dropped_by_cancel(ferryd, failing):
    job, mark, destination = failing
    run = ferryd.ctl("cancel", str(job))
    assert run.returncode == 1 and "STORE-STATE" in run.stderr, "its destination is there: it is not dropped by mistake"
    move_destination(ferryd, destination)
    reload(ferryd)
    said = ferryd.say("cancel", str(job))
    assert said == f"Job {job} had ended. Given up at destinations that are gone: 1 (see ferryctl show).\n"
    assert "given up by the operator" in events(ferryd, job, "dropped")[0] and ferryd.job("a")["state"] == "done"
    assert quiet(ferryd) and visible(destination) == ["a"]
    assert ferryd.ctl("cancel", str(job)).returncode == 1, "nothing is left to give up"
    ferryd.kill()
    ferryd.resume()
    assert quiet(ferryd)
    mark.touch()
    ferryd.routes["out"]["to"][0]["path"] = str(destination)
    reload(ferryd)
    stays_true(lambda: not events(ferryd, job, "command"), "it stays dropped", 0.5)


def test_orphans__what_a_canceled_delivery_left(ferryd, route_out, partner):
    """The cancel could not sweep, because the partner was away; then the destination is taken out."""
    source, destination = route_out
    partner.stop()
    drop(source, "a", b"abc")
    ferryd.start()
    job = wait_state(ferryd, "a", "stored")["id"]
    ferryd.say("cancel", str(job))
    assert visible(source) == ["a"] and quiet(ferryd)
    move_destination(ferryd, destination)
    told_everywhere(ferryd, "CALL-NO-DESTINATION", "1 removal of a temporary file", f"job {job}")
    assert ferryd.ask("cancel", str(job))["dropped"] == 1
    assert "stays: the operator gave it up" in events(ferryd, job, "dropped")[0]
    assert quiet(ferryd) and ferryd.job("a")["state"] == "canceled" and visible(source) == ["a"]


def test_orphans__canceling_gives_up_what_it_cannot_sweep_at_once(ferryd, route_out, partner):
    """One cancel is enough for a file that was held because its destination is gone."""
    source, destination = route_out
    partner.stop()
    drop(source, "a", b"abc")
    ferryd.start()
    job = wait_state(ferryd, "a", "stored")["id"]
    move_destination(ferryd, destination)
    reload(ferryd)
    assert wait_state(ferryd, "a", "held")["code"] == "DELIVER-NO-DESTINATION"
    answer = ferryd.ask("cancel", str(job))
    assert answer["dropped"] == 1 and answer["canceled"] == 1 and answer["put_back"], answer
    assert quiet(ferryd) and visible(source) == ["a"]


@pytest.mark.parametrize("count", [10, 11])
def test_orphans__ten_jobs_are_named(ferryd, place, route_out, count):
    source, destination = route_out
    ferryd.routes["out"]["to"][0].update(commands={"after": {"run": ["false"]}}, retry={"first": "1h", "most": "1h"})
    for number in range(count):
        drop(source, f"f{number}", b"abc")
    ferryd.start()
    wait_for(lambda: [j["state"] for j in ferryd.jobs()] == ["done"] * count, ferryd.told)
    move_destination(ferryd, destination)
    said = reload(ferryd)
    found = orphans(ferryd)[0]
    assert f"{count} commands after deliveries" in said and found["commands"] == count, said
    assert found["jobs"] == sorted(j["id"] for j in ferryd.jobs())[:10]
    assert found["more"] == (count > 10) == ("and more)" in said), said


@pytest.fixture
def stray(ferryd, route_out, partner, place):
    """Two destinations, the partner's and `near`; the partner's was taken out before it got the file."""
    source, destination = route_out
    near = place / "near"
    near.mkdir()
    ferryd.routes["out"]["to"].append({"path": str(near), "exists": "fail"})
    partner.stop()
    return source, destination, near


def lose_partner(ferryd, source, hold=False):
    """What was taken out; the file had been held by the operator before, or not."""
    drop(source, "a", b"abc")
    ferryd.start()
    wait_for(lambda: (j := ferryd.job("a")) and (j["delivered"] or j["held"]), ferryd.told)
    if hold:
        ferryd.say("hold", str(ferryd.job("a")["id"]))
    kept = ferryd.routes["out"]["to"].pop(0)
    reload(ferryd)
    why = "OPERATOR-HELD" if hold else "DELIVER-NO-DESTINATION"
    wait_for(lambda: why in waiting_for(ferryd), ferryd.told)
    return kept


def waiting_for(ferryd):
    """The codes of what has not been delivered."""
    story = ferryd.ask("show", str(ferryd.job("a")["id"]))
    return [d["code"] for d in story["deliveries"] if d["state"] != "delivered"]


def restore_partner(ferryd, partner, kept):
    partner.start()
    ferryd.routes["out"]["to"].insert(0, kept)
    reload(ferryd)
    ferryd.say("retry", str(ferryd.job("a")["id"]))
    wait_state(ferryd, "a", "done")


def test_orphans__retry_does_not_hide_a_stray_file(ferryd, stray, partner):
    source, destination, near = stray
    kept = lose_partner(ferryd, source)
    assert visible(near) == ["a"]
    run = ferryd.ctl("retry", str(ferryd.job("a")["id"]))
    assert run.returncode == 1 and "DELIVER-NO-DESTINATION" in run.stderr and str(destination) in run.stderr, run.stderr
    run = ferryd.ctl("retry", "--all")
    assert run.returncode == 1 and "again: 0; refused: 1.\n  the first one: DELIVER-NO-DEST" in run.stdout, run.stdout
    job = ferryd.job("a")
    assert (job["state"], job["code"], job["held"]) == ("held", "DELIVER-NO-DESTINATION", 1), job
    restore_partner(ferryd, partner, kept)
    assert visible(destination) == ["a"] and visible(near) == ["a"] and visible(source) == []


@pytest.mark.parametrize("hold", [False, True])
def test_orphans__retry_tries_the_destinations_that_are_there(ferryd, stray, partner, hold):
    source, destination, near = stray
    drop(near, "a", b"in the way")
    kept = lose_partner(ferryd, source, hold)
    assert waiting_for(ferryd) == ["OPERATOR-HELD" if hold else "DELIVER-NO-DESTINATION", "DELIVER-EXISTS"]
    (near / "a").unlink()
    ferryd.say("retry", str(ferryd.job("a")["id"]))
    wait_for(lambda: ferryd.job("a")["delivered"] == 1, ferryd.told)
    job = ferryd.job("a")
    assert (near / "a").read_bytes() == b"abc"
    assert (job["state"], job["code"], job["held"]) == ("held", "DELIVER-NO-DESTINATION", 1), job
    assert len(events(ferryd, job["id"], "retried")) == 1
    restore_partner(ferryd, partner, kept)
    assert visible(destination) == ["a"] and visible(source) == []


# ---- a route that is gone -------------------------------------------------------------------------


@pytest.fixture
def waiting(ferryd, route_out, partner):
    """Three files taken out of their directory, which cannot be sent: (source, destination, ledger)."""
    source, destination = route_out
    partner.stop()
    ledger = Ledger()
    for number in range(3):
        ledger.produce(source, f"f{number}", content(number, 1000))
    ferryd.start()
    wait_for(lambda: [j["state"] for j in ferryd.jobs()] == ["stored"] * 3, ferryd.told)
    assert visible(source) == []
    return source, destination, ledger


def test_orphans__files_of_a_removed_route_go_on_when_it_is_back(ferryd, waiting, partner):
    source, destination, ledger = waiting
    held = ferryd.job("f0")["id"]
    ferryd.say("hold", str(held))
    kept = ferryd.routes.pop("out")
    told_everywhere(ferryd, "ROUTE-GONE", "3 files wait (1 held) for route out", "put it back under that name",
                    "then they go on, held ones after `ferryctl retry`")
    assert [(o["files"], o["held"], o["to"]) for o in orphans(ferryd)] == [(3, 1, None)]
    assert len(litter(source)) == 3, "they are where they were"
    listed = ferryd.jobs("--route", "out")
    assert sorted(j["code"] for j in listed) == ["OPERATOR-HELD", "ROUTE-GONE", "ROUTE-GONE"]
    assert "put it back under that name" in ferryd.say("show", str(ferryd.job("f1")["id"]))
    run = ferryd.ctl("retry", str(held))
    assert run.returncode == 1 and "ROUTE-GONE" in run.stderr and "goes on when it is retried" in run.stderr, run.stderr
    for more in [], ["--route", "out"]:
        run = ferryd.ctl("retry", "--all", *more)
        assert run.returncode == 1 and run.stdout.startswith("Jobs tried again: 0; refused: 3.\n"), run.stdout
        assert "ROUTE-GONE" in run.stdout and ferryd.job("f0")["state"] == "held"
    assert ferryd.say("retry", "--all", "--route", "other") == "Jobs tried again: 0.\n"
    partner.start()
    ferryd.routes["out"] = kept
    assert "ROUTE-GONE" not in reload(ferryd)
    wait_for(lambda: len(visible(destination)) == 2, ferryd.told)
    ferryd.say("retry", "--all")
    for name in ledger.sums:
        wait_state(ferryd, name, "done")
    ledger.check(destination, "destination")
    assert quiet(ferryd) and visible(source) == [] and litter(source) == []


def test_orphans__files_of_a_renamed_route_are_given_to_the_new_one_by_cancel(ferryd, waiting, partner):
    source, destination, ledger = waiting
    ferryd.routes["renamed"] = ferryd.routes.pop("out")
    told_everywhere(ferryd, "ROUTE-GONE", "3 files wait (0 held) for route out")
    stays_true(lambda: len(ferryd.jobs()) == 3 and len(litter(source)) == 3, "the new route leaves them alone", 0.5)
    partner.start()
    for job in ferryd.jobs("--route", "out"):
        answer = ferryd.ask("cancel", str(job["id"]))
        assert answer["put_back"] and answer["dropped"] == 1 and answer["trouble"] is None, answer
    wait_for(lambda: len(visible(destination)) == 3, ferryd.told)
    for name in ledger.sums:
        assert wait_state(ferryd, name, "done")["route"] == "renamed"
    ledger.check(destination, "destination")
    assert quiet(ferryd) and visible(source) == [] and litter(source) == []


def test_orphans__a_canceled_file_waits_for_any_route_to_its_directory(ferryd, waiting, place):
    """Canceled while no route takes from its directory: told where it lies, put back by the next one there."""
    source, _, ledger = waiting
    ferryd.routes.clear()
    reload(ferryd)
    job = ferryd.job("f1")["id"]
    answer = ferryd.ask("cancel", str(job))
    assert not answer["put_back"] and answer["trouble"]["code"] == "ROUTE-GONE", answer
    assert ".ferryd-claim" in answer["trouble"]["message"] and len(litter(source)) == 3
    near = place / "near"
    near.mkdir()
    ferryd.routes["copy"] = {"from": {"path": str(source), "after": "delete"}, "to": [{"path": str(near)}]}
    reload(ferryd)
    wait_for(lambda: visible(near) == ["f1"], ferryd.told)
    assert len(litter(source)) == 2, "the others still wait for their route, or the operator"
    assert [(o["files"], o["held"]) for o in orphans(ferryd)] == [(2, 0)]


@pytest.mark.parametrize("place_of_the_other", ["waits", "settles"])
def test_orphans__what_was_delivered_is_not_put_back_for_another_route(ferryd, route_out, partner, place, place_of_the_other):
    """It would be delivered twice. Under its own route's name it is known, and goes back."""
    source, destination = route_out
    near = place / "near"
    near.mkdir()
    ferryd.routes["out"]["to"] = [{"path": str(near)}]
    if place_of_the_other == "waits":
        partner.stop()
        ferryd.routes["out"]["to"].append({"endpoint": "partner", "path": str(destination)})
    else:
        ferryd.routes["out"]["from"]["after"] = {"move": "shut"}
        ferryd.routes["out"]["from"]["match"] = "a"
        drop(source, "shut", b"no directory")
    drop(source, "a", b"abc")
    ferryd.start()
    job = wait_for(lambda: (j := ferryd.job("a")) and j["delivered"] == 1 and j, ferryd.told)["id"]
    ferryd.routes["renamed"] = ferryd.routes.pop("out")
    reload(ferryd)
    for verdict in (1, 0):
        answer = ferryd.ask("cancel", str(job))
        assert not answer["put_back"] and answer["canceled"] == verdict, answer
        assert answer["trouble"]["code"] == "ROUTE-GONE" and f".ferryd-claim/{job}.a, and is not" in answer["trouble"]["message"]
    ferryd.kill()
    ferryd.resume()
    polls = ferryd.route("renamed")["poll"]["last_ms"]
    ferryd.say("poll", "renamed")
    wait_for(lambda: ferryd.route("renamed")["poll"]["last_ms"] > (polls or 0), "a poll")
    assert len(ferryd.jobs()) == 1 and "a" not in visible(source) and (source / f".ferryd-claim/{job}.a").exists()
    ferryd.routes["out"] = ferryd.routes.pop("renamed")
    reload(ferryd)
    wait_for(lambda: "a" in visible(source) and litter(source) == [], ferryd.told)
    stays_true(lambda: len(ferryd.jobs()) == 1, "it is known", 0.5)
    assert visible(near) == ["a"]


# ---- a route that does not run --------------------------------------------------------------------


def test_orphans__cancel_puts_the_file_of_a_disabled_route_back(ferryd, waiting):
    source, _, _ = waiting
    ferryd.routes["out"]["enabled"] = False
    reload(ferryd)
    answer = ferryd.ask("cancel", str(ferryd.job("f1")["id"]))
    assert answer["put_back"] and answer["trouble"] is None and not answer["running"], answer
    assert visible(source) == ["f1"] and len(litter(source)) == 2
    ferryd.routes["out"]["enabled"] = True
    reload(ferryd)
    stays_true(lambda: visible(source) == ["f1"] and len(ferryd.jobs()) == 3, "it is known", 0.5)


@pytest.mark.parametrize("enabled", [False, True])
def test_orphans__a_second_cancel_puts_back_what_the_first_could_not(ferryd, waiting, enabled):
    source, _, _ = waiting
    ferryd.say("pause", "out")
    ferryd.routes["out"]["enabled"] = enabled
    reload(ferryd)
    drop(source, "f1", b"newer")
    job = ferryd.job("f1")["id"]
    for canceled in (1, 0):
        answer = ferryd.ask("cancel", str(job))
        assert answer["canceled"] == canceled and not answer["put_back"], answer
        assert answer["trouble"]["code"] == "OBJ-EXISTS" and f"{job}.f1" in answer["trouble"]["message"], answer
        assert str(source) in answer["trouble"]["message"], answer
    (source / "f1").unlink()
    said = ferryd.say("cancel", str(job))
    assert said.startswith(f"Job {job} had ended.") and "Its source file was put back." in said, said
    assert visible(source) == ["f1"] and len(litter(source)) == 2
    run = ferryd.ctl("cancel", str(job))
    assert run.returncode == 1 and "STORE-STATE" in run.stderr, "nothing is left to be done"


def test_orphans__cancel_while_a_reload_ends_the_route(ferryd, route_out, partner):
    """The transfer may still end: the file stays with it until then, and reaches the new route once."""
    source, destination = route_out
    ferryd.daemon["drain"] = "5s"
    ferryd.start()
    drop(source, "first", b"abc")
    wait_state(ferryd, "first", "done")
    with frozen(partner):
        drop(source, "a", b"abc")
        wait_for(lambda: any(" deliver " in f["name"] for f in ferryd.items("ps")), lambda: ferryd.say("ps"))
        job = ferryd.job("a")["id"]
        ferryd.routes["renamed"] = ferryd.routes.pop("out")
        ferryd.write_config()
        ctl = subprocess.Popen([FERRYCTL, "--socket", str(ferryd.socket), "reload"], stdout=subprocess.DEVNULL)
        wait_for(lambda: "CONTROL-ROUTE-OFF" in ferryd.ctl("poll", "out").stderr, "the reload to end the route")
        assert ferryd.ask("hold", str(job))["running"]
        answer = ferryd.ask("cancel", str(job))
        assert answer["running"] and not answer["put_back"] and answer["trouble"]["code"] == "CONTROL-ROUTE-OFF", answer
        assert f".ferryd-claim/{job}.a" in answer["trouble"]["message"] and visible(source) == []
        assert ctl.wait(timeout=60 * PATIENCE) == 0
    ferryd.ctl("cancel", str(job))  # where the renamed route has not put it back already
    wait_for(lambda: visible(destination) == ["a", "first"], ferryd.told)
    wait_for(lambda: visible(source) == [] and litter(source) == [], ferryd.told)
    assert ferryd.job("a", "out")["state"] == "canceled" and ferryd.job("a", "renamed")["state"] == "done"


@pytest.mark.parametrize("state", ["spooled", "unsettled"])
def test_orphans__of_a_polled_route(ferryd, route_in, partner, place, state):
    """Files fetched and not delivered, or delivered and still at the source, survive the absence of their route."""
    source, destination = route_in
    if state == "spooled":
        ferryd.routes["in"]["to"] = [{"path": str(place / "in"), "exists": "fail",
                                      "retry": {"first": "1h", "most": "1h"}}]
        drop(destination, "a", b"in the way")
    else:
        ferryd.routes["in"]["from"].update(after={"move": "shut"}, match="a")
        drop(source, "shut", b"no directory")
        ferryd.routes["in"]["retry"] = {"first": "50ms", "most": "100ms", "attempts": 100000}
    drop(source, "a", b"abc")
    ferryd.start()
    wait_state(ferryd, "a", {"spooled": "held", "unsettled": "delivered"}[state])
    kept = ferryd.routes.pop("in")
    told_everywhere(ferryd, "ROUTE-GONE", "1 file waits")
    assert (source / "a").read_bytes() == b"abc"
    if state == "spooled":
        assert [p.read_bytes() for p in (ferryd.state / "spool").iterdir() if p.is_file()] == [b"abc"]
        (destination / "a").unlink()
    else:
        (source / "shut").unlink()
    ferryd.routes["in"] = kept
    reload(ferryd)
    if state == "spooled":
        ferryd.say("retry", "--all")
    wait_state(ferryd, "a", "done")
    assert visible(destination) == ["a"] and (destination / "a").read_bytes() == b"abc" and quiet(ferryd)
    assert visible(source) == []


@pytest.mark.parametrize("count", [50, 51])
def test_orphans__fifty_are_told_one_by_one(ferryd, place, count):
    source, shut = place / "source", place / "shut"
    source.mkdir()
    shut.mkdir()
    drop(source, "a", b"abc")
    drop(shut, "a", b"in the way")
    for number in range(count):
        ferryd.routes[f"r{number}"] = {"from": {"path": str(source), "after": "keep", "ready": {"stable_for": "0s"}},
                                       "to": [{"path": str(shut), "exists": "fail"}]}
    ferryd.start()
    wait_for(lambda: len(ferryd.jobs("--state", "held")) == count, ferryd.told)
    ferryd.routes.clear()
    said = reload(ferryd)
    assert said.count("ROUTE-GONE") == 50 and ("and 1 more: see ferryctl status" in said) == (count > 50), said
    assert len(orphans(ferryd)) == count
