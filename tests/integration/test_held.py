"""A job that one of its destinations gave up: in the operator's list at once, while the others go on."""
import pytest

from lib.files import drop, litter, visible
from lib.wait import wait_for


@pytest.fixture
def fan(ferryd, route_in, partner, place):
    """To a local directory where the name of `a` is taken, and to a partner's, which is not there yet."""
    source, _ = route_in
    far, shut = partner.home / "copy", place / "shut"
    shut.mkdir()
    drop(shut, "a", b"in the way")
    ferryd.routes["in"]["to"] = [{"path": str(shut), "exists": "fail"},
                                 {"endpoint": "partner", "path": str(far),
                                  "retry": {"first": "20ms", "most": "50ms", "attempts": 100000}}]
    return source, shut, far


def held(ferryd):
    return ferryd.jobs("--state", "held")


def wait_held(ferryd):
    return wait_for(lambda: held(ferryd), lambda: f"a held job\n{ferryd.told()}")[0]


def wait_done(ferryd):
    wait_for(lambda: ferryd.job("a")["state"] == "done", lambda: f"a to be done\n{ferryd.told()}")


def deliveries(ferryd, job):
    return sorted(d["state"] for d in ferryd.ask("show", str(job))["deliveries"])


def what_is_told(job):
    return [job[key] for key in ("id", "state", "code", "text", "held")]


def test_held__by_one_destination_is_listed_and_retried_with_all(ferryd, fan):
    source, shut, far = fan
    far.mkdir()
    drop(source, "a", b"abc")
    ferryd.start()
    wait_for(lambda: visible(far) == ["a"], ferryd.told)
    job = wait_held(ferryd)
    wait_for(lambda: ferryd.job("a")["delivered"] == 1, "the other destination")
    assert job["code"] == "DELIVER-EXISTS" and str(shut) in job["text"] and job["held"] == 1, job
    row = ferryd.say("jobs", "--state", "held")
    assert str(shut) in row and "DELIVER-EXISTS" in row, row
    assert ferryd.route("in")["jobs"]["held"] == 1 and ferryd.jobs("--state", "stored") == []
    assert (source / "a").exists(), "it goes only when all destinations have the file"
    (shut / "a").unlink()
    assert ferryd.say("retry", "--all") == "Jobs tried again: 1.\n"
    wait_done(ferryd)
    assert (shut / "a").read_bytes() == b"abc" and visible(far) == ["a"] and visible(source) == []


def test_held__while_another_is_tried_is_the_same_after_a_kill(ferryd, fan):
    source, shut, far = fan
    drop(source, "a", b"abc")
    ferryd.start()
    before = wait_held(ferryd)
    for _ in range(3):
        assert deliveries(ferryd, before["id"]) == ["held", "sending"]
        ferryd.kill()
        ferryd.resume()
        assert what_is_told(ferryd.job("a")) == what_is_told(before)
    far.mkdir()
    wait_for(lambda: deliveries(ferryd, before["id"]) == ["delivered", "held"], ferryd.told)
    ferryd.kill()
    ferryd.resume()
    assert what_is_told(held(ferryd)[0]) == what_is_told(before) and visible(far) == ["a"]
    (shut / "a").unlink()
    assert ferryd.say("retry", "--all", "--route", "in") == "Jobs tried again: 1.\n"
    wait_done(ferryd)
    assert (shut / "a").read_bytes() == b"abc" and litter(far) == [] and litter(shut) == []
    assert ferryd.route("in")["jobs"]["held"] == 0 and visible(source) == []


def test_held__and_what_is_still_tried_is_held_or_canceled_as_a_whole(ferryd, fan):
    source, shut, far = fan
    drop(source, "a", b"abc")
    ferryd.start()
    job = wait_held(ferryd)["id"]
    assert ferryd.say("hold", "--all", "--route", "in").startswith("Jobs held: 1;")
    assert deliveries(ferryd, job) == ["held", "held"] and ferryd.job("a")["code"] == "OPERATOR-HELD"
    assert ferryd.say("hold", "--all", "--route", "in").startswith("Jobs held: 0;")
    ferryd.say("retry", str(job))
    wait_for(lambda: ferryd.job("a")["code"] == "DELIVER-EXISTS", ferryd.told)
    ferryd.say("cancel", str(job))
    assert deliveries(ferryd, job) == ["canceled", "canceled"] and held(ferryd) == []
    assert (source / "a").read_bytes() == b"abc" and (shut / "a").read_bytes() == b"in the way"
