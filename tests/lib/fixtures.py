"""pytest fixtures: a place, a partner, a daemon; and what to print when a test fails."""
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from lib.ferryd import Ferryd
from lib.ftpd import Vsftpd, find_vsftpd
from lib.sshd import Sshd


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.when == "call":
        item.failed = report.failed


@pytest.fixture
def place(request):
    """A folder with a short path (unix sockets take 107 bytes), gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="fy-", dir=os.environ.get("FERRYD_TEST_DIR", "/tmp")))
    yield folder
    if getattr(request.node, "failed", False) and os.environ.get("FERRYD_KEEP"):
        print(f"kept: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def partner(place):
    """A real sshd that runs; partner.home holds its files."""
    sshd = Sshd(place / "partner").start()
    yield sshd
    sshd.stop()


@pytest.fixture
def serve(place):
    """serve(Proftpd, extra=…): an FTP server that runs until the test is over."""
    running = []

    def start(make, **options):
        if make is Vsftpd and (os.geteuid() != 0 or not find_vsftpd()):
            pytest.skip("vsftpd needs root, and its package")
        running.append(make(place / f"server{len(running)}", **options).start())
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def ferryd(request, place):
    """A daemon that is configured but not started. A test that passes ends it cleanly."""
    daemon = Ferryd(place)
    yield daemon
    failed = getattr(request.node, "failed", False)
    if failed:
        print(f"---- ferryd.log (its end)\n{daemon.log_text()[-8000:]}")
        if daemon.process and daemon.process.poll() is None:
            print("---- ps\n" + daemon.ctl("ps").stdout)
            print("---- routes\n" + daemon.ctl("routes").stdout)
            print("---- status\n" + daemon.ctl("status").stdout)
            for state in ("claimed", "stored", "delivered", "held"):
                print(f"---- {state}\n" + daemon.ctl("jobs", "--state", state, "--limit", "10").stdout)
            print("---- jobs\n" + daemon.ctl("jobs").stdout[-4000:])
    try:
        if failed:
            daemon.kill()
        else:
            daemon.stop()
            assert "Sanitizer" not in daemon.log_text(), daemon.log_text()[-6000:]
    finally:
        daemon.kill()


@pytest.fixture
def route_in(ferryd, partner, place):
    """Partner's `out` is polled into local `in`: (source folder, destination folder)."""
    source, destination = partner.home / "out", place / "in"
    source.mkdir()
    destination.mkdir()
    ferryd.endpoints["partner"] = sftp_endpoint(partner)
    ferryd.routes["in"] = {"from": {"endpoint": "partner", "path": str(source), "poll": "200ms",
                                    "ready": {"stable_for": "0s"}, "after": "delete"},
                           "to": [{"path": str(destination)}]}
    return source, destination


@pytest.fixture
def route_out(ferryd, partner, place):
    """Local `drop` is watched and pushed to the partner's `inbox`: (source, destination)."""
    source, destination = place / "drop", partner.home / "inbox"
    source.mkdir()
    destination.mkdir()
    ferryd.endpoints["partner"] = sftp_endpoint(partner)
    ferryd.routes["out"] = {"from": {"path": str(source), "after": "delete"},
                            "to": [{"endpoint": "partner", "path": str(destination)}]}
    return source, destination


def push_to(ferryd, server, place, **settings):
    """Local `drop` is pushed to the FTP server's `inbox`: (source, destination)."""
    source = place / "drop"
    source.mkdir()
    destination, path = server.make_folder("inbox")
    ferryd.endpoints["bank"] = server.endpoint(**settings)
    ferryd.routes["out"] = {"from": {"path": str(source), "after": "delete"},
                            "to": [{"endpoint": "bank", "path": path}]}
    return source, destination


def fetch_from(ferryd, server, place, **settings):
    """The FTP server's `out` is polled into local `in`: (source, destination)."""
    destination = place / "in"
    destination.mkdir()
    source, path = server.make_folder("out")
    ferryd.endpoints["bank"] = server.endpoint(**settings)
    ferryd.routes["in"] = {"from": {"endpoint": "bank", "path": path, "poll": "200ms",
                                    "ready": {"stable_for": "0s"}},
                           "to": [{"path": str(destination)}]}
    return source, destination


def sftp_endpoint(sshd, **more):
    """The configuration that reaches `sshd` with its own key."""
    return sshd.endpoint(**more)


def sftp_behind(sshd, port, **more):
    """The same at another port, where something passes bytes on: under its own host key."""
    known = sshd.known_hosts.read_text()
    sshd.known_hosts.write_text(known + known.replace(f":{sshd.port}", f":{port}"))
    return sftp_endpoint(sshd, port=port, **more)
