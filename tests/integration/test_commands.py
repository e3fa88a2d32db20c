"""Commands at a real server around deliveries: in order, again after a kill, never for nothing."""
from lib.files import drop, visible
from lib.wait import wait_for


def configure(ferryd, route_out, commands, **more):
    source, destination = route_out
    ferryd.routes["out"]["to"][0].update(commands=commands, retry={"first": "100ms", "most": "200ms"}, **more)
    return source, destination


def script(text, *words):
    return {"run": ["sh", "-c", text, "sh", *words]}


def events(ferryd, step):
    return [e["text"] for job in ferryd.jobs() for e in ferryd.ask("show", str(job["id"])).get("events", []) if e["step"] == step]


def test_commands__run_before_and_after(ferryd, place, route_out):
    record = place / "record"
    say = 'test -e "$1" && there=yes || there=no; echo "$2 $there $(basename "$1") $3" >> "$0"; echo told; '
    source, destination = configure(ferryd, route_out, {
        "before": {"run": ["sh", "-c", say, str(record), "{path}", "before", "{size}"]},
        "after": {"run": ["sh", "-c", say, str(record), "{path}", "after", "{sha256}"]}})
    drop(source, "it's a file", b"abc")
    ferryd.start()
    wait_for(lambda: events(ferryd, "command") != [], "the command after the delivery")
    assert visible(destination) == ["it's a file"]
    assert record.read_text().splitlines() == [
        "before no it's a file 3",
        "after yes it's a file ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"]
    assert events(ferryd, "command")[0].endswith("status 0; stdout: told")
    assert events(ferryd, "note")[0].endswith("before: status 0; stdout: told")


def test_commands__that_fail_tell_why_and_are_tried_again(ferryd, place, route_out):
    mark = place / "ready"
    source, destination = configure(ferryd, route_out, {
        "after": script('test -e "$1" || {{ echo not yet >&2; exit 3; }}', str(mark))})
    ferryd.routes["out"]["to"][0]["retry"]["most"] = "5s"  # it must not be given up before the mark is seen
    drop(source, "a", b"abc")
    ferryd.start()
    wait_for(lambda: len(events(ferryd, "retry")) >= 2, "two failures")
    assert visible(destination) == ["a"]
    assert [j["state"] for j in ferryd.jobs()] == ["done"]
    assert "status 3" in events(ferryd, "retry")[0] and "saying: not yet" in events(ferryd, "retry")[0]
    mark.touch()
    wait_for(lambda: len(events(ferryd, "command")) == 1, "its end")


def test_commands__after_a_kill_are_run_again(ferryd, place, route_out):
    """At least once: ferryd is killed while one runs, and it is run again at the next start."""
    record = place / "record"
    source, destination = configure(ferryd, route_out, {
        "after": script('echo begun >> "$1"; test -e "$1.go" || sleep 60; echo ended >> "$1"', str(record))})
    drop(source, "a", b"abc")
    ferryd.start()
    wait_for(lambda: record.exists(), "the command")
    ferryd.kill()
    (place / "record.go").touch()
    ferryd.resume()
    wait_for(lambda: len(events(ferryd, "command")) == 1, "its end")
    assert record.read_text().split() == ["begun", "begun", "ended"]
    assert visible(destination) == ["a"]
    assert [j["state"] for j in ferryd.jobs()] == ["done"]
    ferryd.stop()
    ferryd.resume()
    assert record.read_text().split() == ["begun", "begun", "ended"]


def test_commands__that_take_long_do_not_stop_files(ferryd, route_out):
    """More than run at once: four of them are kept waiting while the others' files arrive."""
    source, destination = configure(ferryd, route_out, {"after": script('case "$1" in slow*) sleep 30;; esac', "{name}")})
    for number in range(6):
        drop(source, f"slow{number}", b"abc")
    ferryd.start()
    wait_for(lambda: len(visible(destination)) == 6, "the slow ones' files")
    for number in range(20):
        drop(source, f"quick{number}", b"abc")
    wait_for(lambda: len(visible(destination)) == 26, "the other files")
    assert len(events(ferryd, "command")) < 26


def test_commands__before_keep_a_file_back(ferryd, place, route_out):
    mark = place / "ready"
    source, destination = configure(ferryd, route_out, {"before": script('test -e "$1"', str(mark))})
    drop(source, "a", b"abc")
    ferryd.start()
    wait_for(lambda: len(events(ferryd, "retry")) >= 2, "two failures")
    assert visible(destination) == []
    mark.touch()
    wait_for(lambda: visible(destination) == ["a"], "the file")
