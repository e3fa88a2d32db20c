"""Ports and process trees of what a test has started itself."""
import contextlib
import os
import random
import signal
import socket
import time
from pathlib import Path


def free_port():
    """
    A port nobody listens on, below those the kernel gives to clients: a server that is killed and
    started again must find its port as it left it.
    """
    while True:
        port = random.SystemRandom().randrange(15000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def parents():
    """pid -> parent pid of all processes that can be seen."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        found[int(stat.parent.name)] = int(fields[1])
    return found


def descendants(pid):
    """All processes below `pid`, nearest first."""
    tree = parents()
    found = [pid]
    for known in found:
        found += [child for child, parent in tree.items() if parent == known]
    return found[1:]


def kill_tree(process):
    """SIGKILL for a Popen and all below it; stops the root first, so that it cannot fork."""
    if process.poll() is not None:
        return
    os.kill(process.pid, signal.SIGSTOP)
    below = descendants(process.pid)
    for pid in [process.pid] + below:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.wait()
    deadline = time.monotonic() + 5
    while any(is_running(pid) for pid in below) and time.monotonic() < deadline:
        time.sleep(0.005)


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def send_signal(server, number):
    for pid in [server.process.pid] + descendants(server.process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


@contextlib.contextmanager
def frozen(server):
    """The server takes connections and bytes, as far as the kernel does, and answers nothing."""
    send_signal(server, signal.SIGSTOP)
    try:
        yield
    finally:
        send_signal(server, signal.SIGCONT)
