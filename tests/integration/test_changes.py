"""Several who change things at once: reloads among commands, signals at any moment."""
import concurrent.futures
import json
import signal
import time

from lib.files import drop
from lib.wait import wait_for

ROUTES = 12


def many_routes(ferryd, place):
    """Local copies, each from its own folder; returns the folders."""
    folders = []
    for i in range(ROUTES):
        source, destination = place / f"source{i}", place / f"destination{i}"
        source.mkdir()
        destination.mkdir()
        ferryd.routes[f"r{i}"] = {"from": {"path": str(source), "poll": "1s", "ready": {"stable_for": "0s"},
                                           "after": "delete"},
                                  "to": [{"path": str(destination)}]}
        folders.append((source, destination))
    return folders


def rewrite(ferryd, turn):
    """Half of the routes change, as a whole file in one step."""
    for i in range(turn % 2, ROUTES, 2):
        ferryd.routes[f"r{i}"]["from"]["poll"] = f"{1 + turn % 50}s"
    new = ferryd.config.with_suffix(".new")
    new.write_text(json.dumps(ferryd.document()))
    new.replace(ferryd.config)


def test_changes__reloads_among_commands(ferryd, place):
    folders = many_routes(ferryd, place)
    ferryd.start()
    verbs = [["status"], ["routes"], ["ps"], ["pause", "r1"], ["resume", "r1"], ["poll", "r2"], ["reload"], ["reload"]]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        for turn in range(6):
            rewrite(ferryd, turn)
            ferryd.process.send_signal(signal.SIGHUP)
            drop(folders[turn][0], f"f{turn}", b"abc")
            list(pool.map(lambda words: ferryd.ctl(*words), verbs))
            assert ferryd.process.poll() is None, ferryd.log_text()[-6000:]
    ferryd.say("resume", "r1")
    for turn in range(6):
        wait_for(lambda t=turn: (folders[t][1] / f"f{t}").exists(), f"file {turn}")
    ferryd.stop()


def test_changes__stop_and_reload_while_starting(ferryd, place):
    many_routes(ferryd, place)
    ferryd.write_config()
    for turn in range(12):
        ferryd.launch()
        time.sleep(0.02 * turn)
        ferryd.process.send_signal(signal.SIGHUP)  # before its handler is there it may end it
        ferryd.process.send_signal(signal.SIGTERM)
        status = ferryd.wait_exit(30)
        assert status in (0, -signal.SIGHUP, -signal.SIGTERM), ferryd.log_text()[-6000:]
