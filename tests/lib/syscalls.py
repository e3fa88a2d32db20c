"""Reading strace -f -ttt -T -y: who touched which file when, and the order that must hold."""
import re
from dataclasses import dataclass
from pathlib import Path

WHOLE = re.compile(r"^(\d+) +(\d+\.\d+) (\w+)\((.*)\) += (-?\d+|\?)(.*?)(?: <([\d.]+)>)?$")
BEGUN = re.compile(r"^(\d+) +(\d+\.\d+) (\w+)\((.*) <unfinished \.\.\.>$")
ENDED = re.compile(r"^(\d+) +(\d+\.\d+) <\.\.\. (\w+) resumed>(.*)\) += (-?\d+|\?)(.*?)(?: <([\d.]+)>)?$")

WRITES = {"write", "pwrite64", "writev", "pwritev", "pwritev2", "copy_file_range", "sendfile"}
SYNCS = {"fsync", "fdatasync"}
RENAMES = {"rename", "renameat", "renameat2", "link", "linkat"}
REMOVES = {"unlink", "unlinkat"}
TRACED = sorted(WRITES | SYNCS | RENAMES | REMOVES | {"syncfs", "openat", "openat2", "open", "close"})


@dataclass
class Call:
    name: str
    text: str  # the arguments; descriptors as 7</path>
    start: float
    end: float
    result: int

    @property
    def on(self):
        """The path of the first descriptor."""
        found = re.match(r"\w+<(.*?)>(?:,|$)", self.text)
        return found.group(1) if found else ""

    @property
    def names(self):
        """The quoted names among the arguments."""
        return re.findall(r'"((?:[^"\\]|\\.)*)"', self.text)


def read(*paths):
    """The successful calls of all traces, in order of their end."""
    calls = []
    for path in paths:
        begun = {}
        for line in Path(path).read_text(errors="replace").splitlines():
            call = parse(line, begun)
            if call and call.result >= 0:
                calls.append(call)
    return sorted(calls, key=lambda c: c.end)


def parse(line, begun):
    if found := BEGUN.match(line):
        pid, time, name, text = found.groups()
        begun[pid] = (float(time), name, text)
    elif found := ENDED.match(line):
        pid, time, name, text, result = found.groups()[:5]
        if pid in begun:
            start, _, head = begun.pop(pid)
            return Call(name, head + text, start, float(time), number(result))
    elif found := WHOLE.match(line):
        _, time, name, text, result, _, took = found.groups()
        return Call(name, text, float(time), float(time) + float(took or 0), number(result))
    return None


def number(text):
    return -1 if text == "?" else int(text)


class Order:
    """
    Walks forward through a trace: each step finds the next call that fits and starts after the
    one before has ended; a step that finds nothing fails with the story so far.
    """

    def __init__(self, calls):
        self.calls = calls
        self.now = 0.0
        self.story = []

    def then(self, what, fits, last=False):
        found = [c for c in self.calls if c.start >= self.now and fits(c)]
        assert found, f"no {what} after: " + "; ".join(self.story)
        call = found[-1] if last else found[0]
        self.story.append(f"{what} at {call.end:.6f}")
        self.now = call.end
        return call

    def wal_commit(self, what):
        """A row reaches the disk: the log is written, then flushed."""
        self.then(f"WAL write ({what})", lambda c: c.name in WRITES and c.on.endswith("-wal"))
        return self.then(f"WAL sync ({what})", lambda c: c.name in SYNCS and c.on.endswith("-wal"))
