"""How a server is reached, through the whole daemon: jump hosts, a proxy, and sshds with narrow settings."""
import json

import pytest

from lib.files import content, drop, sha256, sha256_of, visible
from lib.proxies import start_proxies
from lib.sshd import Sshd
from lib.wait import wait_for

FILES = 120
BIG = 24 << 20


def jump_host(place, name, extra=""):
    return Sshd(place / name, extra=extra).start()


@pytest.fixture
def hops(ferryd, place):
    """Two jump hosts, as the endpoints `bastion` and `inner`."""
    servers = [jump_host(place, name) for name in ("bastion", "inner")]
    for name, server in zip(("bastion", "inner"), servers):
        ferryd.endpoints[name] = server.endpoint()
    yield servers
    for server in servers:
        server.stop()


def fill(folder):
    """Many small files and one that takes a while; returns their digests by name."""
    ledger = {}
    for i in range(FILES):
        data = content(i, 1 + i * 37)
        drop(folder, f"f{i:03}", data)
        ledger[f"f{i:03}"] = sha256(data)
    data = content(FILES, BIG)
    drop(folder, "big", data)
    ledger["big"] = sha256(data)
    return ledger


def digests(folder):
    return {name: sha256_of(folder / name) for name in visible(folder)}


def await_all(destination, ledger, seconds=90):
    wait_for(lambda: set(visible(destination)) == set(ledger), lambda: f"{len(visible(destination))} arrived",
             seconds)
    assert digests(destination) == ledger


def test_reach__fetches_through_two_hops_of_which_one_dies(ferryd, route_in, hops):
    source, destination = route_in
    ferryd.endpoints["partner"]["via"] = ["bastion", "inner"]
    ledger = fill(source)
    ferryd.start()
    wait_for(lambda: len(visible(destination)) > 5, "the first files")
    hops[0].restart()
    await_all(destination, ledger)
    wait_for(lambda: not visible(source), "the source to be empty")


def test_reach__pushes_through_two_hops_of_which_one_dies(ferryd, route_out, hops):
    source, destination = route_out
    ferryd.endpoints["partner"]["via"] = ["bastion", "inner"]
    ferryd.start()
    ledger = fill(source)
    wait_for(lambda: len(visible(destination)) > 5, "the first files")
    hops[1].restart()
    await_all(destination, ledger)


def test_reach__a_refusing_hop_is_told(ferryd, route_in, hops):
    source, _ = route_in
    hops[1].configure(extra="AllowTcpForwarding no")
    hops[1].restart()
    ferryd.endpoints["partner"]["via"] = ["bastion", "inner"]
    drop(source, "f", b"abc")
    ferryd.start()
    ferryd.wait_told("SSH-VIA-REFUSED", "jump host inner")


@pytest.mark.parametrize("settings", ["RekeyLimit 1M", "MaxSessions 1", "Compression delayed"])
def test_reach__both_directions_with_a_server_of_narrow_settings(ferryd, partner, route_in, place, settings):
    partner.configure(extra=settings)
    partner.restart()
    source, destination = route_in
    pushed, arrived = place / "drop", partner.home / "inbox"
    pushed.mkdir()
    arrived.mkdir()
    ferryd.endpoints["partner"]["algorithms"] = {"compression": settings.startswith("Compression")}
    ferryd.routes["out"] = {"from": {"path": str(pushed), "after": "delete"},
                            "to": [{"endpoint": "partner", "path": str(arrived)}]}
    ledger = fill(source)
    ferryd.start()
    await_all(destination, ledger)
    await_all(arrived, fill(pushed))


def test_reach__recycles_between_files(ferryd, route_in):
    source, destination = route_in
    ferryd.endpoints["partner"]["recycle"] = {"bytes": "1M"}
    ferryd.endpoints["partner"]["connections"] = 1
    ledger = fill(source)
    ferryd.start()
    await_all(destination, ledger)
    for turn in range(3):
        data = content(1000 + turn, 2 << 20)
        drop(source, f"more{turn}", data)
        wait_for(lambda t=turn: (destination / f"more{t}").exists(), "another file")
        assert sha256_of(destination / f"more{turn}") == sha256(data)


def test_reach__through_a_proxy(ferryd, partner, route_in):
    names = {}
    start_proxies(names)
    source, destination = route_in
    ferryd.endpoints["partner"]["proxy"] = {"http": {"host": "127.0.0.1", "port": names["http_open"]}}
    ledger = fill(source)
    ferryd.start()
    await_all(destination, ledger)


STEPS = ["secrets", "dns", "tcp", "identification", "kex", "host-key", "login"]


def steps_of(ferryd):
    """[(hop, step)] of `ferryctl test partner`, and of the one that failed."""
    lines = map(json.loads, ferryd.ctl("--json", "test", "partner").stdout.splitlines())
    steps = [line["item"] for line in lines if line.get("item", {}).get("kind") == "step"]
    return ([(s["hop"], s["name"]) for s in steps],
            [(s["hop"], s["name"], s["error"]["code"]) for s in steps if s["result"] == "failed"])


def test_reach__ferryctl_test_names_each_hop(ferryd, route_in, hops):
    """Each hop is reached through the one before it, and walked along as the endpoint itself is."""
    ferryd.endpoints["partner"]["via"] = ["bastion", "inner"]
    ferryd.start()
    steps, failed = steps_of(ferryd)
    assert not failed and [s for hop, s in steps if hop == "bastion"] == STEPS
    assert [s for hop, s in steps if hop == "inner"] == [s for s in STEPS if s != "dns"]
    assert [s for hop, s in steps if hop is None] == [s for s in STEPS if s != "dns"] + \
        ["subsystem", "extensions", "home", "list"]
    assert [hop for hop, name in steps if name == "login"] == ["bastion", "inner", None]
    text = ferryd.say("test", "partner")
    assert "jump host bastion: key exchange" in text and "jump host inner: login" in text, text
    assert "bastion: software" in text and "\n  software" in text, text
    hops[1].known_hosts.write_text("")
    assert steps_of(ferryd)[1] == [("inner", "host-key", "SSH-HOSTKEY-UNKNOWN")]
    assert "FAIL" in [l for l in ferryd.ctl("test", "partner").stdout.splitlines() if "jump host inner: host key" in l][0]


def test_reach__ferryctl_test_walks_over_the_hops(ferryd, route_in, hops):
    ferryd.endpoints["partner"]["via"] = ["bastion", "inner"]
    ferryd.start()
    walked = ferryd.ctl("test", "partner")
    assert walked.returncode == 0, walked.stdout + walked.stderr
    assert "behind jump host bastion" in walked.stdout, walked.stdout
    assert "behind jump host inner" in walked.stdout, walked.stdout
    hops[1].kill()
    walked = ferryd.ctl("test", "partner")
    assert walked.returncode != 0 and "SSH-VIA-UNREACHABLE" in walked.stdout + walked.stderr, walked.stdout
