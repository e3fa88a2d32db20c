#!/usr/bin/python3
"""Wall time and CPU of ferryd, lftp, rclone, sftp and curl for the same files; see README.md beside this."""
import argparse
import ctypes
import os
import resource
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

SUFFIXES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def options():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--files", type=int, default=10000)
    p.add_argument("--size", type=parse_size, default=4096)
    p.add_argument("--large", type=parse_size, default=1 << 30, help="0 leaves it out")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--protocol", choices=["sftp", "ftps"], default="sftp")
    p.add_argument("--only", help="some of the programs: ferryd,lftp,…")
    p.add_argument("--build", default=str(Path(__file__).parents[2] / "build"))
    p.add_argument("--folder", default=None)
    p.add_argument("--latency", type=int, default=100, help="how many files to drop one by one")
    p.add_argument("--skip-latency", action="store_true")
    p.add_argument("--skip-copies", action="store_true")
    p.add_argument("--recorder", action="store_true", help="what the flight recorder costs, and nothing else")
    return p.parse_args()


def parse_size(text):
    return int(text[:-1]) * SUFFIXES[text[-1]] if text[-1:] in SUFFIXES else int(text)


@dataclass
class Result:
    wall: float
    client: float
    server: float


class Bench:
    """One place with one server; runs one program on one task at a time."""

    programs = ()
    mask = 511  # the default of ferryd's trace

    def __init__(self, folder):
        self.folder = Path(folder)
        self.server = self.make_server(self.folder / "partner").start()
        self.seed = self.folder / "seed"
        self.seed.mkdir()

    def make_server(self, folder):
        raise NotImplementedError

    def close(self):
        self.server.stop()

    def can_run(self, program, seed):
        """Not every program is fit for every task."""
        return True

    def make_seed(self, name, count, size):
        """The files of a task, made once; each run gets hard links, so directories are fresh."""
        seed = self.seed / name
        seed.mkdir()
        for number in range(count):
            with open(seed / f"file-{number:06}.dat", "wb") as f:
                left = size
                while left:
                    left -= f.write(os.urandom(min(left, 1 << 20)))
        return seed

    def fresh(self, seed):
        """(source with the files, empty destination). Copies, since ferryd refuses hard links."""
        source, destination = self.folder / "source", self.folder / "destination"
        for path in (source, destination):
            shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(seed, source)
        destination.mkdir()
        os.sync()
        return source, destination

    def run(self, program, direction, seed):
        source, destination = self.fresh(seed)
        expected = len(os.listdir(seed))
        server_before = self.server_cpu()
        client_before = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall = getattr(self, program)(direction, source, destination, expected)
        self.wait_sessions()
        client = resource.getrusage(resource.RUSAGE_CHILDREN)
        found = sum(1 for e in os.scandir(destination) if not e.name.startswith("."))
        if found != expected:
            sys.exit(f"{program} {direction}: {found} of {expected} files arrived")
        return Result(wall, cpu_of(client) - cpu_of(client_before), self.server_cpu() - server_before)

    # ---- the server's CPU: its sessions are its children, counted once they have ended ----

    def server_cpu(self):
        fields = Path(f"/proc/{self.server.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(fields[i]) for i in (11, 12, 13, 14)) / os.sysconf("SC_CLK_TCK")

    def wait_sessions(self):
        from lib.processes import descendants
        from lib.wait import wait_for
        wait_for(lambda: not descendants(self.server.process.pid), "the sessions to end", 30)

    # ---- ferryd ----

    def ferryd(self, direction, source, destination, expected):
        daemon = self.daemon()
        remote = {"endpoint": "partner"}
        start = {"path": str(source), "after": "delete", "max_size": "20G"}
        end = {"path": str(destination)}
        if direction == "fetch":
            start.update(remote, poll="1h", ready={"stable_for": "0s"})
        else:
            end.update(remote)
        daemon.routes["bench"] = {"from": start, "to": [end]}
        daemon.trace.update({"mask": self.mask, "when": "failure"})
        daemon.write_config()
        began = time.monotonic()
        daemon.launch()
        wait_settled(daemon, expected)
        wall = time.monotonic() - began
        daemon.stop()
        left = [name for name in os.listdir(source) if not name.startswith(".")]
        arrived = len(os.listdir(destination))
        if left or arrived != expected:
            sys.exit(f"ferryd: {len(left)} files left at the source, {arrived} arrived")
        return wall

    def daemon(self):
        from lib.ferryd import Ferryd  # after --build is known to the environment
        folder = self.folder / "ferryd"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        daemon = Ferryd(folder)
        daemon.daemon["workers"] = "auto"
        daemon.endpoints["partner"] = self.server.endpoint()
        return daemon

    # ---- latency ----

    def latency(self, count):
        source, destination = self.folder / "drop", self.folder / "seen"
        source.mkdir()
        destination.mkdir()
        daemon = self.daemon()
        daemon.routes["bench"] = {"from": {"path": str(source), "after": "delete"},
                                  "to": [{"endpoint": "partner", "path": str(destination)}]}
        daemon.start()
        watch = Watch(destination)
        took = []
        for number in range(count + 3):  # the first ones warm the connection
            name = f"file-{number:05}.dat"
            (self.folder / name).write_bytes(os.urandom(4096))
            began = time.monotonic()
            os.rename(self.folder / name, source / name)
            watch.wait_for(name)
            took.append((time.monotonic() - began) * 1000)
            wait_gone(source, daemon)
        daemon.stop()
        return took[3:]


class SftpBench(Bench):
    programs = ("ferryd", "lftp", "rclone", "sftp")

    def make_server(self, folder):
        from lib.sshd import Sshd
        return Sshd(folder)

    def ssh_options(self):
        return ["-F", "/dev/null", "-i", str(self.server.user_key), "-o", "IdentityAgent=none",
                "-o", f"UserKnownHostsFile={self.server.known_hosts}", "-o", "LogLevel=ERROR"]

    def sftp(self, direction, source, destination, _):
        verb = "get" if direction == "fetch" else "put"
        batch = f"{verb} {source}/* {destination}/\n"
        return timed(["sftp", "-q", "-b", "-", "-P", str(self.server.port), *self.ssh_options(),
                      f"{self.server.user}@127.0.0.1"], batch)

    def lftp(self, direction, source, destination, _):
        connect = "ssh -a -x " + " ".join(self.ssh_options())
        reverse = "" if direction == "fetch" else "-R"
        script = (f"set sftp:connect-program \"{connect}\"; set sftp:max-packets-in-flight 64; "
                  f"open -u {self.server.user},x -p {self.server.port} sftp://127.0.0.1; "
                  f"mirror {reverse} --parallel=4 {source} {destination}; bye")
        return timed(["lftp", "--norc", "-c", script])

    def rclone(self, direction, source, destination, _):
        remote = (f":sftp,host=127.0.0.1,port={self.server.port},user={self.server.user},"
                  f"key_file={self.server.user_key},known_hosts_file={self.server.known_hosts},"
                  f"shell_type=none:")
        places = [f"{remote}{source}", str(destination)] if direction == "fetch" else \
            [str(source), f"{remote}{destination}"]
        return timed(["rclone", "copy", "--config", "/dev/null", "--transfers", "4", "--checkers", "8", *places])


class FtpsBench(Bench):
    """ProFTPD that requires TLS and session reuse."""
    programs = ("ferryd", "lftp", "curl")

    def make_server(self, folder):
        from lib.ftpd import Proftpd
        return Proftpd(folder)

    def can_run(self, program, seed):
        return program != "curl" or len(os.listdir(seed)) == 1

    def lftp(self, direction, source, destination, _):
        reverse = "" if direction == "fetch" else "-R"
        script = (f"set ssl:ca-file {self.server.ca}; set ftp:ssl-force yes; set ftp:ssl-protect-data yes; "
                  f"open -u {self.server.user},'{self.server.password}' -p {self.server.port} ftp://127.0.0.1; "
                  f"mirror {reverse} --parallel=4 {source} {destination}; bye")
        return timed(["lftp", "--norc", "-c", script])

    def curl(self, direction, source, destination, _):
        name = os.listdir(source)[0]
        url = f"ftp://127.0.0.1:{self.server.port}/"
        places = [f"{url}{source}/{name}", "-o", f"{destination}/{name}"] if direction == "fetch" else \
            ["-T", f"{source}/{name}", f"{url}{destination}/{name}"]
        return timed(["curl", "-sS", "-q", "--ssl-reqd", "--cacert", str(self.server.ca), "--tls-max", "1.2",
                      "--ftp-method", "nocwd", "-u", f"{self.server.user}:{self.server.password}", *places])


def wait_gone(folder, daemon):
    """The next file meets an idle daemon, as on a quiet day."""
    deadline = time.monotonic() + 30
    while any(not e.name.startswith(".") for e in os.scandir(folder)) and time.monotonic() < deadline:
        time.sleep(0.002)
    time.sleep(0.02)


def wait_settled(daemon, expected, seconds=600):
    """All jobs done, sources deleted; asked seldom, so as not to take a core from the contestants."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if daemon.process.poll() is not None:
            sys.exit(f"ferryd ended:\n{daemon.log_text()}")
        if daemon.socket.exists() and daemon.ctl("status").returncode == 0 and \
                daemon.ask("status")["jobs"].get("done", 0) == expected:
            return
        time.sleep(0.02)
    sys.exit(f"ferryd did not finish in {seconds} s:\n{daemon.log_text()[-4000:]}")


class Watch:
    """inotify on one directory: names that were created or moved into it."""

    def __init__(self, folder):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self.libc.inotify_init1(0)
        moved_to, created = 0x80, 0x100
        if self.libc.inotify_add_watch(self.fd, os.fsencode(folder), moved_to | created) < 0:
            raise OSError(ctypes.get_errno(), "inotify_add_watch")
        self.seen = set()

    def wait_for(self, name):
        while name not in self.seen:
            data = os.read(self.fd, 65536)
            while data:
                _, _, _, length = struct.unpack("iIII", data[:16])
                self.seen.add(os.fsdecode(data[16:16 + length].rstrip(b"\0")))
                data = data[16 + length:]


def cpu_of(usage):
    return usage.ru_utime + usage.ru_stime


def timed(command, text=None):
    began = time.monotonic()
    run = subprocess.run(command, input=text, text=True, capture_output=True)
    if run.returncode != 0:
        sys.exit(f"{command[0]}: exit status {run.returncode}: {run.stderr[-800:]}")
    return time.monotonic() - began


def compare(bench, programs, rounds, tasks):
    """Prints the table; programs take turns within each round."""
    print("| task | program | wall s | ratio | client CPU s | server CPU s |")
    print("|---|---|---|---|---|---|")
    for title, seed in tasks:
        for direction in ("fetch", "push"):
            best = {}
            for _ in range(rounds):
                for program in (p for p in programs if bench.can_run(p, seed)):
                    result = bench.run(program, direction, seed)
                    if program not in best or result.wall < best[program].wall:
                        best[program] = result
            peers = [r.wall for p, r in best.items() if p != "ferryd"]
            for program, r in best.items():
                ratio = f"{min(peers) / r.wall:.2f}" if peers else "-"
                print(f"| {title}, {direction} | {program} | {r.wall:.2f} | {ratio} | {r.client:.2f} | {r.server:.2f} |",
                      flush=True)


def recorder(bench, rounds, tasks):
    """The same work with the flight recorder at its default and without; taking turns, the best of each counts."""
    print("| task | with s | without s | wall, with / without | CPU, with / without |")
    print("|---|---|---|---|---|")
    for title, seed in tasks:
        for direction in ("fetch", "push"):
            found = {511: [], 0: []}
            for turn in range(rounds):
                for bench.mask in ((511, 0) if turn % 2 else (0, 511)):
                    found[bench.mask].append(bench.run("ferryd", direction, seed))
            wall = {mask: min(r.wall for r in results) for mask, results in found.items()}
            cpu = {mask: min(r.client for r in results) for mask, results in found.items()}
            print(f"| {title}, {direction} | {wall[511]:.2f} | {wall[0]:.2f} | {wall[511] / wall[0]:.3f} | "
                  f"{cpu[511] / cpu[0]:.3f} |", flush=True)


def main():
    o = options()
    os.environ["FERRYD_BUILD"] = o.build
    kind = SftpBench if o.protocol == "sftp" else FtpsBench
    wanted = o.only.split(",") if o.only else kind.programs
    programs = [p for p in wanted if p == "ferryd" or shutil.which(p) or print(f"{p}: not installed")]
    folder = o.folder or tempfile.mkdtemp(prefix="fy-bench-")
    bench = kind(folder)
    try:
        if not o.skip_copies:
            tasks = [(f"{o.files} x {o.size} B", bench.make_seed("small", o.files, o.size))]
            if o.large:
                tasks.append((f"1 x {o.large >> 20} MiB", bench.make_seed("large", 1, o.large)))
            if o.recorder:
                return recorder(bench, o.rounds, tasks)
            compare(bench, programs, o.rounds, tasks)
        if not o.skip_latency:
            took = sorted(bench.latency(o.latency))
            print(f"\nmv into a watched directory until visible at the server, {len(took)} files: "
                  f"median {statistics.median(took):.2f} ms, p99 {took[len(took) * 99 // 100 - 1]:.2f} ms, "
                  f"worst {took[-1]:.2f} ms")
    finally:
        bench.close()
        if not o.folder:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
