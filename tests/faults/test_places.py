"""Directories that are missing, closed or full, and names that are taken."""
import os
import subprocess

import pytest

from lib.files import content, drop, litter, sha256, sha256_of, visible
from lib.fixtures import sftp_endpoint
from lib.sshd import Sshd
from lib.wait import wait_for

from test_names import EVIL

QUICK = {"first": "50ms", "most": "300ms"}


@pytest.fixture
def small_disk(place):
    """small_disk(folder, size): a file system of that size; skips where it cannot be mounted."""
    mounted = []

    def mount(folder, size):
        folder.mkdir(exist_ok=True)
        run = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(folder)],
                             capture_output=True, text=True)
        if run.returncode != 0:
            pytest.skip(f"a small file system cannot be mounted here: {run.stderr.strip()}")
        mounted.append(folder)
        return folder
    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def test_places__missing_source_directory(ferryd, route_in):
    source, destination = route_in
    source.rmdir()
    ferryd.start()
    ferryd.wait_told("OBJ-MISSING", str(source))
    source.mkdir()
    drop(source, "a", b"abc")
    wait_for(lambda: visible(destination) == ["a"], "the file, once the directory is there")


def test_places__missing_destination_directory(ferryd, route_in, partner):
    source, _ = route_in
    target = partner.home / "missing"
    ferryd.routes["in"]["to"] = [{"endpoint": "partner", "path": str(target), "retry": QUICK}]
    drop(source, "a", b"abc")
    ferryd.start()
    ferryd.wait_told("OBJ-MISSING", str(target))
    assert visible(source) == ["a"], "the source stays until the file is delivered"
    target.mkdir()
    wait_for(lambda: visible(target) == ["a"] and not visible(source), "the file, once the directory is there")


def test_places__missing_local_directory_is_a_mistake_of_the_configuration(ferryd, route_in, place):
    ferryd.routes["in"]["to"][0]["path"] = str(place / "nowhere")
    ferryd.write_config()
    status, said = ferryd.check()
    assert status != 0 and str(place / "nowhere") in said and "routes.in.to[0].path" in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_places__permission_refused_at_the_partner(ferryd, route_out):
    source, destination = route_out
    destination.chmod(0o500)
    ferryd.routes["out"]["to"][0]["retry"] = QUICK
    drop(source, "a", b"abc")
    ferryd.start()
    ferryd.wait_told("OBJ-DENIED", str(destination))
    destination.chmod(0o700)
    wait_for(lambda: visible(destination) == ["a"], "the file, once it may be written")


@pytest.mark.parametrize("mode,code,words", [("denied", "OBJ-DENIED", "You shall not write"),
                                             ("full", "OBJ-NO-SPACE", "No space left on device")])
def test_places__the_partner_refuses(mode, code, words, ferryd, place):
    sshd = Sshd(place / "evil")
    sshd.configure(subsystem=f"/usr/bin/python3 {EVIL} {mode}")
    sshd.start()
    source = place / "drop"
    source.mkdir()
    ferryd.endpoints["partner"] = sftp_endpoint(sshd)
    ferryd.routes["out"] = {"from": {"path": str(source), "after": "delete"},
                            "to": [{"endpoint": "partner", "path": "/inbox", "retry": QUICK}]}
    try:
        drop(source, "a", b"abc")
        ferryd.start()
        ferryd.wait_told(code, words)
        job = ferryd.job("a")
        assert job["state"] in ("stored", "held"), job
        ferryd.stop()
        kept = [p for p in source.rglob("*") if p.is_file() and p.read_bytes() == b"abc"]
        assert len(kept) == 1, "the file is still ours"
    finally:
        sshd.stop()


def test_places__destination_name_taken(ferryd, route_out):
    source, destination = route_out
    drop(destination, "a", b"theirs")
    drop(source, "a", b"ours")
    ferryd.start()
    ferryd.wait_told("DELIVER-EXISTS", "already there", "ferryctl retry")
    wait_for(lambda: ferryd.job("a")["state"] == "held", "the job to be held")
    assert (destination / "a").read_bytes() == b"theirs" and litter(destination) == []


def test_places__disk_full_at_the_spool(ferryd, route_in, small_disk, place):
    source, destination = route_in
    state = small_disk(place / "small", "8M")
    ferryd.state = state
    ferryd.daemon["state_dir"] = str(state)
    ferryd.daemon["min_free"] = {"bytes": "1M", "percent": 0}
    ferryd.routes["in"]["retry"] = QUICK
    drop(source, "big", content(1, 12 << 20))
    drop(source, "zmall", content(2, 1000))
    ferryd.start()
    ferryd.wait_told("big", "No space left on device")
    wait_for(lambda: "zmall" in visible(destination), "the small file still passes")
    assert (source / "big").exists(), "nothing is acknowledged"
    assert ferryd.ctl("status").returncode == 0
    subprocess.run(["mount", "-o", "remount,size=64M", str(state)], check=True)
    wait_for(lambda: "big" in visible(destination), "the big file, once there is room", 60)
    assert sha256_of(destination / "big") == sha256(content(1, 12 << 20))


def test_places__polling_stops_when_space_runs_low(ferryd, route_in, small_disk, place):
    source, destination = route_in
    state = small_disk(place / "small", "16M")
    ferryd.state = state
    ferryd.daemon["state_dir"] = str(state)
    ferryd.daemon["min_free"] = {"bytes": "12M", "percent": 0}
    ballast = state / "ballast"
    ballast.write_bytes(bytes(8 << 20))
    drop(source, "a", b"abc")
    ferryd.start()
    wait_for(lambda: ferryd.ask("status")["disk"]["low"], "status to say that space is low")
    ferryd.wait_told("SPOOL-FULL")
    assert visible(destination) == []
    ballast.unlink()
    wait_for(lambda: visible(destination) == ["a"], "polling to resume by itself", 60)


def test_places__disk_full_at_a_local_destination(ferryd, route_in, small_disk, place):
    source, _ = route_in
    target = small_disk(place / "target", "4M")
    ferryd.routes["in"]["to"] = [{"path": str(target), "retry": QUICK}]
    drop(source, "big", content(1, 6 << 20))
    ferryd.start()
    ferryd.wait_told("big", "OBJ-NO-SPACE", "no space left")
    assert visible(target) == []
    subprocess.run(["mount", "-o", "remount,size=64M", str(target)], check=True)
    wait_for(lambda: visible(target) == ["big"] and not visible(source), "the file, once there is room", 60)


def test_places__disk_full_at_the_partner(ferryd, route_out, small_disk, partner):
    source, _ = route_out
    target = small_disk(partner.home / "small", "4M")
    ferryd.routes["out"]["to"] = [{"endpoint": "partner", "path": str(target), "retry": QUICK}]
    drop(source, "big", content(1, 6 << 20))
    ferryd.start()
    ferryd.wait_told("big")
    wait_for(lambda: ferryd.job("big")["state"] in ("stored", "held"), "the delivery to fail")
    assert visible(target) == []
    subprocess.run(["mount", "-o", "remount,size=64M", str(target)], check=True)
    if ferryd.job("big")["state"] == "held":
        ferryd.say("retry", str(ferryd.job("big")["id"]))
    wait_for(lambda: visible(target) == ["big"] and not visible(source), "the file, once there is room", 60)
