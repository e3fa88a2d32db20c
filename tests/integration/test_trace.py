"""Traces: always recorded, written when the configuration says so, masked, bounded."""
import pytest

from lib.files import drop, visible
from lib.keys import make_key
from lib.wait import wait_for


def run_once(ferryd, route_in, when, mask=511):
    source, destination = route_in
    ferryd.trace.update({"when": when, "mask": mask})
    drop(source, "a", b"the content of this file is nobody's business")
    ferryd.start()
    wait_for(lambda: visible(destination) == ["a"], "the file")
    wait_for(lambda: [j["state"] for j in ferryd.jobs()] == ["done"], "the job")
    ferryd.stop()
    return ferryd.trace_text()


def test_trace__always(ferryd, route_in):
    text = run_once(ferryd, route_in, "always")
    for word in ("kex", "auth", "sftp"):
        assert word in text
    assert "nobody's business" not in text


@pytest.mark.parametrize("when", ["failure", "never"])
def test_trace__nothing_is_written_of_a_good_connection(when, ferryd, route_in):
    assert run_once(ferryd, route_in, when) == ""


def test_trace__mask_by_name(ferryd, route_in):
    text = run_once(ferryd, route_in, "always", ["kex"])
    assert "kex" in text and " sftp" not in text


def test_trace__a_failure_is_on_file_and_named(ferryd, route_in, partner, place):
    ferryd.endpoints["partner"]["auth"] = [{"publickey": {"key": str(make_key(place / "unknown"))}}]
    ferryd.start()
    endpoint = wait_for(lambda: [e for e in ferryd.items("status", "endpoint")
                                 if e["name"] == "partner" and e["trace"]], "a trace's name in status")[0]
    text = wait_for(ferryd.trace_text, "the trace to be written")
    assert endpoint["trace"] == str(next(ferryd.traces.rglob("*.trace")))
    assert "publickey" in text and "kex" in text, text
    assert endpoint["trace"] in ferryd.say("status")


def test_trace__never_even_when_it_fails(ferryd, route_in, place):
    ferryd.trace["when"] = "never"
    ferryd.endpoints["partner"]["auth"] = [{"publickey": {"key": str(make_key(place / "unknown"))}}]
    ferryd.start()
    wait_for(lambda: "stopped" in ferryd.say("--json", "status"), "the endpoint to stop")
    ferryd.stop()
    assert ferryd.trace_text() == ""


# ---- ferryctl trace ----

def tracing(ferryd):
    return next(e["tracing"] for e in ferryd.items("status", "endpoint") if e["name"] == "partner")


def fetch(ferryd, route_in, name):
    source, destination = route_in
    drop(source, name, b"x")
    wait_for(lambda: name in visible(destination), f"the file {name}")


def test_trace__is_ordered_while_running_and_ends_with_its_time(ferryd, route_in, place):
    into = place / "ordered"
    ferryd.start()
    fetch(ferryd, route_in, "before")
    assert tracing(ferryd) is None and ferryd.trace_text() == ""
    assert "is traced: mask 64 (sftp)" in ferryd.say("trace", "partner", "sftp", "--for", "1h", "--file", str(into))
    assert tracing(ferryd)["mask"] == 64 and "partner is traced: mask 64" in ferryd.say("status")
    fetch(ferryd, route_in, "during")
    text = wait_for(lambda: "/during" in into.read_text() and into.read_text(), "the order's file")
    during = text[text.index("/during"):]  # what came before is of the flight recorder
    assert " sftp " in during and " kex " not in during
    ferryd.say("trace", "partner", "64", "--for", "1s")
    wait_for(lambda: tracing(ferryd) is None, "the end of the order")
    assert "No trace is ordered" in ferryd.say("trace")


def test_trace__an_order_survives_a_reload_that_changes_the_endpoint(ferryd, route_in, place):
    ferryd.start()
    ferryd.say("trace", "partner", "auth")
    ferryd.endpoints["partner"]["connections"] = 3
    ferryd.write_config()
    ferryd.say("reload")
    fetch(ferryd, route_in, "after")
    assert tracing(ferryd)["mask"] == 8
    text = wait_for(ferryd.trace_text, "a trace")
    assert " auth " in text and " kex " not in text
    ferryd.say("trace", "partner", "default")
    assert tracing(ferryd) is None and "No trace" in ferryd.say("trace")


def test_trace__an_order_that_cannot_be_kept_is_refused(ferryd, route_in, place):
    (place / "mine").write_text("precious")
    ferryd.start()
    for arguments, code in [(["partner", "kx"], "TRACE-MASK"), (["partnre", "on"], "CONTROL-NO-ENDPOINT"),
                            (["partner", "on", "--file", "here"], "TRACE-FILE"),
                            (["partner", "on", "--file", str(place / "mine")], "TRACE-FILE"),
                            (["partner", "on", "--file", str(ferryd.state / "ferryd.db")], "TRACE-FILE"),
                            (["partner", "on", "--file", str(place / "no" / "where")], "TRACE-FILE")]:
        run = ferryd.ctl("trace", *arguments)
        assert run.returncode == 1 and code in run.stderr, (arguments, run)
    assert (place / "mine").read_text() == "precious" and tracing(ferryd) is None


def test_trace__off_records_nothing(ferryd, route_in):
    ferryd.trace["when"] = "always"
    ferryd.start()
    ferryd.say("trace", "partner", "off")
    ferryd.say("poll", "in")
    fetch(ferryd, route_in, "unseen")
    ferryd.stop()
    assert "unseen" not in "".join(p.read_text() for p in (ferryd.traces / "partner").glob("*"))
