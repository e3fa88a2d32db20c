"""Files whose content says by itself whether it is whole, and a ledger of what was produced."""
import hashlib
import os
import random
import threading
from pathlib import Path


def content(number, size):
    """`size` bytes that belong to file `number` and to no other."""
    return random.Random(number * 1000003 + size).randbytes(size)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def drop(directory, name, data):
    """As a careful application does: write aside (a hidden name), then rename into place."""
    directory = Path(directory)
    aside = directory / f".aside-{os.getpid()}-{threading.get_ident()}"
    aside.write_bytes(data)
    os.rename(os.fsencode(aside), os.path.join(os.fsencode(directory), os.fsencode(name)))


def visible(directory):
    """Names of files that are not hidden, sorted, as text (odd bytes as surrogates)."""
    return sorted(e.name for e in os.scandir(directory) if e.is_file() and not e.name.startswith("."))


def litter(directory):
    """Everything below that looks like a temporary file of ours."""
    found = []
    for folder, _, names in os.walk(directory):
        found += [os.path.join(folder, n) for n in names if "ferryd" in n or n.endswith(".part")]
        if os.path.basename(folder) == ".ferryd-claim":
            found += [os.path.join(folder, n) for n in names]
    return sorted(set(found))


class Ledger:
    """What was produced, name -> SHA-256. The oracle: it never asks the system under test."""

    def __init__(self):
        self.sums = {}
        self.lock = threading.Lock()

    def produce(self, directory, name, data):
        with self.lock:
            self.sums[name] = sha256(data)
        drop(directory, name, data)

    def produce_large(self, directory, name, size):
        """As produce, in blocks, for what does not fit into memory."""
        digest = hashlib.sha256()
        aside = Path(directory) / f".aside-{name}"
        with open(aside, "wb") as f:
            for number in range(0, size, 1 << 20):
                block = content(number, min(1 << 20, size - number))
                digest.update(block)
                f.write(block)
        with self.lock:
            self.sums[name] = digest.hexdigest()
        os.rename(aside, Path(directory) / name)

    def check(self, directory, what):
        """Exactly the produced files are there, each whole."""
        there = {name: sha256_of(Path(directory) / name) for name in visible(directory)}
        self.compare(there, what)

    def compare(self, there, what):
        lost = sorted(set(self.sums) - set(there))
        strange = sorted(set(there) - set(self.sums))
        broken = sorted(n for n in there if n in self.sums and there[n] != self.sums[n])
        assert not (lost or strange or broken), (
            f"{what}: {len(lost)} lost {lost[:5]}, {len(strange)} not ours {strange[:5]}, "
            f"{len(broken)} not whole {broken[:5]}")


class GreedyConsumer:
    """Takes every visible file at once, as a partner's system does: hashes, removes, remembers."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.taken = []  # (name, sha256), in order, doubles included
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()

    def run(self):
        while not self.ending.is_set():
            self.sweep()
            self.ending.wait(0.002)
        self.sweep()

    def sweep(self):
        for name in visible(self.directory):
            path = self.directory / name
            self.taken.append((name, sha256_of(path)))
            path.unlink()

    def check(self, ledger, what):
        names = [name for name, _ in self.taken]
        twice = sorted({n for n in names if names.count(n) > 1}) if len(set(names)) < len(names) else []
        assert not twice, f"{what}: arrived more than once: {twice[:5]}"
        ledger.compare(dict(self.taken), what)
