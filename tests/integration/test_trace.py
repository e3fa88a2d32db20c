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
