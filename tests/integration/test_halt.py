"""ferryctl hold and cancel: what is under way ends at once, also at a server that hangs, and nothing is lost."""
import random
import subprocess
import time

import pytest

from lib.evil_ftp import EvilFtp
from lib.ferryd import FERRYCTL
from lib.files import drop, litter, visible
from lib.ftpd import Authority
from lib.processes import frozen
from lib.wait import PATIENCE, stays_true, wait_for

LARGE = 400 << 20
AT_MOST = 5 * PATIENCE  # idle machines need 20 ms; a hung server would take 30 s and more


def sparse(folder, name, size=LARGE):
    aside = folder / ".aside"
    with open(aside, "wb") as f:
        f.truncate(size)
    aside.rename(folder / name)


def fibers_of(ferryd, job):
    return [f["name"] for f in ferryd.items("ps") if f["name"].startswith(f"job {job} ")]


def halt(ferryd, verb, job):
    """Holds or cancels a job that is being worked on; what ferryctl answers."""
    assert fibers_of(ferryd, job), ferryd.say("ps")
    began = time.monotonic()
    answer = ferryd.ask(verb, str(job))
    took = time.monotonic() - began
    assert not [n for n in fibers_of(ferryd, job) if "sweep" not in n], ferryd.say("ps")
    assert took < AT_MOST, took
    assert answer["interrupted"] == 1 and not answer["running"] and answer["trouble"] is None, answer
    return answer


def wait_job(ferryd, name):
    return wait_for(lambda: ferryd.job(name), f"the job of {name}")["id"]


def state_of(ferryd, name):
    return (ferryd.job(name) or {}).get("state")


def wait_state(ferryd, name, state):
    wait_for(lambda: state_of(ferryd, name) == state, lambda: f"{name} to be {state}\n{ferryd.told()}")


def is_working(ferryd, job, word):
    wait_for(lambda: any(f" {word} " in n for n in fibers_of(ferryd, job)), lambda: ferryd.say("ps"))


def warm_up(ferryd, source, destination):
    """The first file makes the connection."""
    ferryd.start()
    drop(source, "first", b"abc")
    wait_for(lambda: "first" in visible(destination), ferryd.told)
    wait_state(ferryd, "first", "done")


# ---- SFTP: a server that stops answering ------------------------------------------------------------


def test_halt__cancel_before_the_server_answers(ferryd, route_out, partner):
    source, destination = route_out
    warm_up(ferryd, source, destination)
    with frozen(partner):
        drop(source, "a", b"abc")
        drop(source, "b", b"def")
        job = wait_job(ferryd, "a")
        is_working(ferryd, job, "deliver")
        assert visible(source) == []
        assert halt(ferryd, "cancel", job)["put_back"]
        assert visible(source) == ["a"]
        ferryd.say("poll", "out")
        stays_true(lambda: visible(source) == ["a"] and len(ferryd.jobs()) == 3, "it is not taken again", 0.7)
        assert state_of(ferryd, "a") == "canceled"
    wait_state(ferryd, "b", "done")
    wait_for(lambda: litter(destination) == [], "no temporary file")
    assert visible(destination) == ["b", "first"] and visible(source) == ["a"]
    assert (source / "a").read_bytes() == b"abc"


def test_halt__cancel_in_the_middle_of_an_upload(ferryd, route_out, partner):
    source, destination = route_out
    warm_up(ferryd, source, destination)
    sparse(source, "large")
    wait_for(lambda: litter(destination), "its first bytes", every=0.001)
    with frozen(partner):
        job = wait_job(ferryd, "large")
        is_working(ferryd, job, "deliver")
        assert halt(ferryd, "cancel", job)["put_back"]
        assert (source / "large").stat().st_size == LARGE
    wait_for(lambda: litter(destination) == [], "the temporary file to go")
    drop(source, "next", b"ghi")
    wait_state(ferryd, "next", "done")
    assert visible(destination) == ["first", "next"] and visible(source) == ["large"]
    story = ferryd.say("show", str(job))
    assert "OPERATOR-CANCELED" in story and "the temporary file was removed" in story, story


def test_halt__cancel_in_the_middle_of_a_download(ferryd, route_in, partner):
    source, destination = route_in
    warm_up(ferryd, source, destination)
    spool = ferryd.state / "spool"
    sparse(source, "large")
    wait_for(lambda: any(p.stat().st_size for p in spool.iterdir()), "its first bytes", every=0.001)
    with frozen(partner):
        job = wait_job(ferryd, "large")
        is_working(ferryd, job, "fetch")
        halt(ferryd, "cancel", job)
        assert not list(spool.iterdir())
    drop(source, "next", b"ghi")
    wait_state(ferryd, "next", "done")
    assert state_of(ferryd, "large") == "canceled" and len(ferryd.jobs()) == 3
    assert visible(source) == ["large"] and visible(destination) == ["first", "next"]


def test_halt__a_held_job_goes_on_when_it_is_retried(ferryd, route_out, partner):
    source, destination = route_out
    warm_up(ferryd, source, destination)
    sparse(source, "large", 40 << 20)
    with frozen(partner):
        job = wait_job(ferryd, "large")
        is_working(ferryd, job, "deliver")
        halt(ferryd, "hold", job)
        assert state_of(ferryd, "large") == "held"
    stays_true(lambda: state_of(ferryd, "large") == "held" and "large" not in visible(destination), "the hold", 0.7)
    ferryd.stop()
    ferryd.resume()
    stays_true(lambda: state_of(ferryd, "large") == "held", "the hold over a restart", 0.5)
    ferryd.say("retry", str(job))
    wait_state(ferryd, "large", "done")
    assert (destination / "large").stat().st_size == 40 << 20
    assert litter(destination) == [] and litter(source) == []


def test_halt__hold_all_of_a_route_and_cancel_several(ferryd, route_out, partner):
    source, destination = route_out
    warm_up(ferryd, source, destination)
    with frozen(partner):
        for name in "abc":
            drop(source, name, b"abc")
        wait_for(lambda: len(ferryd.jobs("--state", "stored")) == 3, "three jobs")
        said = ferryd.say("hold", "--all", "--route", "out")
        assert said.startswith("Jobs held: 3; transfers interrupted: "), said
        assert {state_of(ferryd, name) for name in "abc"} == {"held"}
        assert ferryd.say("cancel", *(str(ferryd.job(name)["id"]) for name in "ab")).count("canceled") == 2
        assert visible(source) == ["a", "b"]
    ferryd.say("retry", "--all")
    wait_state(ferryd, "c", "done")
    assert visible(destination) == ["c", "first"] and visible(source) == ["a", "b"]
    run = ferryd.ctl("cancel", str(ferryd.job("c")["id"]))
    assert run.returncode == 1 and "STORE-STATE" in run.stderr, run.stderr


def test_halt__a_newer_file_under_the_name_is_not_replaced(ferryd, route_out, partner):
    source, destination = route_out
    warm_up(ferryd, source, destination)
    ferryd.say("pause", "out")
    ferryd.say("resume", "out")
    with frozen(partner):
        drop(source, "a", b"older")
        job = wait_job(ferryd, "a")
        is_working(ferryd, job, "deliver")
        ferryd.say("pause", "out")
        drop(source, "a", b"newer!")
        answer = ferryd.ask("cancel", str(job))
        assert not answer["put_back"] and answer["trouble"]["code"] == "OBJ-EXISTS", answer
    assert (source / "a").read_bytes() == b"newer!"
    claimed = [p for p in litter(source) if p.endswith(".a")]
    assert len(claimed) == 1 and open(claimed[0], "rb").read() == b"older"


# ---- FTP: servers that hang ---------------------------------------------------------------------------


def evil(ferryd, place, mode):
    server = EvilFtp(mode, Authority(place / "evil"))
    secret = place / "evil-secret"
    secret.write_text("swordfish")
    secret.chmod(0o600)
    ferryd.endpoints["evil"] = {"protocol": "ftp", "host": "127.0.0.1", "port": server.port, "user": "ferry",
                                "auth": [{"password": {"file": str(secret)}}], "list": "mlsd"}
    return server


@pytest.mark.parametrize("verb", ["hold", "cancel"])
@pytest.mark.parametrize("mode", ["never_150", "stall_retr", "retr_never_226"])
def test_halt__a_hung_ftp_download(ferryd, place, mode, verb):
    server = evil(ferryd, place, mode)
    (place / "in").mkdir()
    ferryd.routes["evil"] = {"from": {"endpoint": "evil", "path": "/", "poll": "200ms",
                                      "ready": {"stable_for": "0s"}, "after": "delete"},
                             "to": [{"path": str(place / "in")}]}
    ferryd.start()
    job = wait_job(ferryd, "a.txt")
    wait_for(lambda: "RETR /a.txt" in server.commands, "the transfer to hang")
    halt(ferryd, verb, job)
    assert state_of(ferryd, "a.txt") == {"hold": "held", "cancel": "canceled"}[verb]
    polls = ferryd.route("evil")["poll"]["last_ms"]
    wait_for(lambda: ferryd.route("evil")["poll"]["last_ms"] > polls, "another poll")
    assert len(ferryd.jobs()) == 1 and not any(c.startswith("DELE") for c in server.commands)
    assert not any(p.is_file() for p in (place / "in").iterdir())


@pytest.mark.parametrize("mode", ["stall_stor", "never_226", "pasv_blackhole"])
def test_halt__a_hung_ftp_upload(ferryd, place, mode):
    ferryd.trace["when"] = "always"
    server = evil(ferryd, place, mode)
    source = place / "drop"
    source.mkdir()
    ferryd.routes["out"] = {"from": {"path": str(source), "after": "delete"},
                            "to": [{"endpoint": "evil", "path": "/"}]}
    sparse(source, "large", 8 << 20)
    ferryd.start()
    job = wait_job(ferryd, "large")
    wait_for(lambda: any(c.startswith("EPSV" if mode == "pasv_blackhole" else "STOR") for c in server.commands),
             "the transfer to hang")
    assert halt(ferryd, "cancel", job)["put_back"]
    assert visible(source) == ["large"]
    wait_for(lambda: any(c.startswith("DELE") and "large" in c for c in server.commands), server.commands)
    wait_for(lambda: not fibers_of(ferryd, job), "the sweep to end")
    assert "the temporary file was removed" in ferryd.say("show", str(job))
    ferryd.stop()
    assert "ended by us: " in ferryd.trace_text()


# ---- SIGKILL --------------------------------------------------------------------------------------------


def stored_or_back(ferryd, source, verb, name, destination):
    """After the restart: canceled and put back, held and claimed, or it never was said and it is delivered."""
    state = state_of(ferryd, name)
    if state == "canceled":
        return visible(source) == [name] and name not in visible(destination)
    if state == "held":
        return visible(source) == [] and litter(source) != [] and verb == "hold"
    return state == "done" and visible(source) == [] and name in visible(destination)


@pytest.mark.parametrize("verb", ["hold", "cancel"])
def test_halt__killed_right_after_it_was_said(ferryd, route_out, partner, verb):
    source, destination = route_out
    warm_up(ferryd, source, destination)
    dice, seen = random.Random(4), set()
    for number in range(6):
        name = f"f{number}"
        with frozen(partner):
            drop(source, name, b"abc")
            job = wait_job(ferryd, name)
            is_working(ferryd, job, "deliver")
            ctl = subprocess.Popen([FERRYCTL, "--socket", str(ferryd.socket), verb, str(job)],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if number == 0:
                ctl.wait()  # killed when it was answered: it is on record
            else:
                time.sleep(dice.random() * 0.06)  # anywhere on the way; every outcome is judged
            ferryd.kill()
            answered = ctl.wait() == 0
        ferryd.resume()
        wait_for(lambda: stored_or_back(ferryd, source, verb, name, destination),
                 lambda: f"{name} to be somewhere\n{ferryd.told()}")
        state = state_of(ferryd, name)
        assert state != "done" or not answered
        seen.add(state)
        ferryd.say("poll", "out")
        stays_true(lambda: state_of(ferryd, name) == state, "its state", 0.3)
        if state == "canceled":
            (source / name).unlink()
        if state == "held":
            ferryd.say("retry", str(job))
            wait_state(ferryd, name, "done")
        wait_for(lambda: litter(destination) == [] and litter(source) == [], "nothing left over")
    assert {"hold": "held", "cancel": "canceled"}[verb] in seen
