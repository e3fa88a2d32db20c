"""The daemon under test: its folder, its configuration, its life, and ferryctl."""
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
from pathlib import Path

from lib.wait import PATIENCE, wait_for

BUILD = Path(os.environ.get("FERRYD_BUILD", Path(__file__).parents[2] / "build"))
FERRYD = os.environ.get("FERRYD", str(BUILD / "ferryd"))
FERRYCTL = os.environ.get("FERRYCTL", str(BUILD / "ferryctl"))
PLURALS = {"job": "jobs", "tunnel": "tunnels", "delivery": "deliveries", "event": "events", "route": "routes", "fiber": "fibers",
           "worker": "workers", "endpoint": "endpoints", "line": "lines", "trace": "traces", "step": "steps",
           "fact": "facts", "orphan": "orphans"}


class Ferryd:
    """
    f = Ferryd(place)
    f.endpoints["partner"] = sftp_endpoint(sshd); f.routes["in"] = {...}
    f.start(); f.wait_done(3); f.stop()          stop asserts a clean exit
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.state = self.folder / "state"
        self.socket = self.folder / "ctl"
        self.traces = self.folder / "trace"
        self.config = self.folder / "ferryd.yaml"
        self.log = self.folder / "ferryd.log"
        for folder in (self.state, self.traces):
            folder.mkdir(exist_ok=True)
        self.state.chmod(0o700)
        self.daemon = {"state_dir": str(self.state), "socket": str(self.socket), "workers": 2,
                       "min_free": {"bytes": "1M", "percent": 0}}
        self.trace = {"dir": str(self.traces)}
        self.endpoints = {}
        self.routes = {}
        self.process = None
        self.env = {}
        self.wrapper = []  # a command that runs the daemon, e.g. strace

    # ---- configuration ----

    def document(self):
        document = {"version": 1, "daemon": self.daemon, "trace": self.trace}
        if self.endpoints:
            document["endpoints"] = self.endpoints
        if self.routes:
            document["routes"] = self.routes
        return document

    def write_config(self, text=None):
        """JSON is YAML; tests that care about YAML give the text themselves."""
        self.config.write_text(json.dumps(self.document(), indent=1) if text is None else text)

    def check(self):
        """ferryd --check: (exit status, everything it says)."""
        run = subprocess.run([FERRYD, "--config", str(self.config), "--check"], text=True, errors="replace",
                             stdin=subprocess.DEVNULL, capture_output=True, timeout=30 * PATIENCE, env=self.environment())
        return run.returncode, run.stdout + run.stderr

    # ---- life ----

    def environment(self):
        outer = {k: v for k, v in os.environ.items()
                 if k not in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "JOURNAL_STREAM", "SSH_AUTH_SOCK")}
        return dict(outer, **self.env)

    def launch(self):
        """Starts without waiting for anything."""
        assert self.process is None
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.wrapper + [FERRYD, "--config", str(self.config)],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.environment())
        return self

    def start(self):
        self.write_config()
        return self.resume()

    def resume(self):
        """Starts with the configuration as it is on disk and waits until it answers."""
        self.launch()
        self.wait_ready()
        return self

    def wait_ready(self, seconds=30):
        def answers():
            assert self.process.poll() is None, f"ferryd ended with {self.process.returncode}:\n{self.log_text()}"
            return self.ctl("status").returncode == 0
        wait_for(answers, lambda: f"ferryd to answer\n{self.log_text()}", seconds)

    def wait_exit(self, seconds=30):
        """The exit status of a daemon that ends by itself."""
        status = self.process.wait(timeout=seconds * PATIENCE)
        self.process = None
        return status

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        status = self.wait_exit(60)
        assert status == 0, f"ferryd ended with {status}:\n{self.log_text()[-6000:]}"

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def trace_text(self):
        return "".join(p.read_text(errors="replace") for p in sorted(self.traces.rglob("*.trace")))

    # ---- ferryctl ----

    def ctl(self, *arguments):
        return subprocess.run([FERRYCTL, "--socket", str(self.socket), *arguments], text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, errors="replace", timeout=30 * PATIENCE)

    def say(self, *arguments):
        """ferryctl that must succeed; its output."""
        run = self.ctl(*arguments)
        assert run.returncode == 0, f"ferryctl {arguments}: {run.returncode} {run.stdout}{run.stderr}"
        return run.stdout

    def ask(self, *arguments):
        """The same with --json: what ends the answer, and its items by their kind in the plural."""
        answer = {}
        for line in self.say("--json", *arguments).splitlines():
            said = json.loads(line)
            if "item" in said:
                plural = PLURALS[said["item"]["kind"]]
                answer.setdefault(plural, []).append(said["item"])
            else:
                answer.update(said.get("result") or {})
        return answer

    def items(self, verb, kind=None):
        """The items of `ferryctl routes`, `ps` or `status`."""
        return self.ask(verb).get(PLURALS[kind or {"routes": "route", "ps": "fiber"}[verb]], [])

    def route(self, name):
        return next(r for r in self.items("routes") if r["name"] == name)

    def jobs(self, *arguments):
        """Jobs, newest first."""
        return self.ask("jobs", "--limit", "1000", *arguments).get("jobs", [])

    def job(self, name, route=None):
        """The newest job of that file, or None."""
        found = [j for j in self.jobs() if j["path"] == name and route in (None, j["route"])]
        return found[0] if found else None

    def database(self):
        """All rows, as text; for a daemon that does not run."""
        with contextlib.closing(sqlite3.connect(f"file:{self.state}/ferryd.db?mode=ro", uri=True)) as db:
            return list(db.iterdump())

    # ---- what the operator reads ----

    def told(self):
        """Log, status, routes and jobs: everything that may explain a bad day."""
        return self.log_text() + "".join(self.ctl(verb).stdout for verb in ("status", "routes", "jobs"))

    def wait_told(self, *words, seconds=30):
        """All of these words are read by whoever looks."""
        wait_for(lambda: all(w in self.told() for w in words),
                 lambda: f"the words {[w for w in words if w not in self.told()]} in:\n{self.told()[-6000:]}", seconds, 0.1)

    def wait_stopped(self, endpoint="partner"):
        """The endpoint has stopped until someone changes something; its error."""
        found = wait_for(lambda: [e for e in self.items("status", "endpoint")
                                  if e["name"] == endpoint and e["state"] == "stopped"],
                         lambda: f"{endpoint} to stop: {self.say('status')}")
        return found[0]["error"]
