"""Data connections with real servers: passive and active, IPv4 and IPv6."""
import re
import subprocess

import pytest

from lib.ferryd import FERRYD
from lib.files import Ledger, content
from lib.fixtures import push_to
from lib.ftpd import Proftpd, Vsftpd
from lib.wait import wait_for

SERVERS = {"proftpd": Proftpd, "vsftpd": Vsftpd}
SIZES = [0, 1, 70000, 2_000_000]
V4, V6 = "127.0.0.1", "::1"
ACTIVE = {"mode": "active", "ports": "42000-42100"}
# name: (protocol's way to encrypt, the server's address, data:, what ferryd says, what the server says)
WAYS = {
    "passive": (None, V4, {}, "> EPSV", "< 229"),
    "passive-v6": (None, V6, {}, "> EPSV", "< 229"),
    "passive-v6-tls": ("explicit", V6, {}, "> EPSV", "< 229"),
    "active": (None, V4, ACTIVE, r"> EPRT \|1\|127.0.0.1\|42[01]\d\d\|", "< 200"),
    "active-address": (None, V4, dict(ACTIVE, address="127.0.0.1"), r"> EPRT \|1\|127.0.0.1\|42", "< 200"),
    "active-any-port": (None, V4, {"mode": "active"}, r"> EPRT \|1\|127.0.0.1\|", "< 200"),
    "active-v6": (None, V6, ACTIVE, r"> EPRT \|2\|::1\|42[01]\d\d\|", "< 200"),
    "active-v6-address": (None, V6, dict(ACTIVE, address="::1"), r"> EPRT \|2\|::1\|42", "< 200"),
    "active-v6-any-port": (None, V6, {"mode": "active", "address": "::1"}, r"> EPRT \|2\|::1\|", "< 200"),
    "active-tls": ("explicit", V4, ACTIVE, r"> EPRT \|1\|127.0.0.1\|42", "< 200"),
}


def curl_is_old():
    told = subprocess.run([FERRYD, "--version"], capture_output=True, text=True, check=True).stdout
    return re.search(r"libcurl (\d+)\.", told).group(1) < "8"


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize("way", WAYS)
def test_data__connections_of_every_kind_carry_files(ferryd, serve, place, name, way):
    tls, host, data, asked, answered = WAYS[way]
    if way == "active-tls" and curl_is_old():
        pytest.skip("libcurl before 8.0, see the next test")
    server = serve(SERVERS[name], tls=tls, host=host)
    drop, inbox = push_to(ferryd, server, place, data=data, trace={"when": "always"}, connections=2)
    ledger = Ledger()
    for number, size in enumerate(SIZES):
        ledger.produce(drop, f"f{number}", content(number, size))
    ferryd.start()
    wait_for(lambda: [j["state"] for j in ferryd.jobs()] == ["done"] * len(SIZES), ferryd.told)
    ledger.check(inbox, "inbox")
    ferryd.stop()
    trace = "".join(f.read_text() for f in (ferryd.traces / "bank").glob("*.trace"))
    assert re.search(asked + r"[^\n]*\n[^\n]*" + answered, trace), trace


def test_data__active_mode_with_tls_is_refused_where_libcurl_cannot(ferryd, serve, place):
    push_to(ferryd, serve(Proftpd), place, data=ACTIVE)
    ferryd.write_config()
    status, said = ferryd.check()
    if curl_is_old():
        assert status != 0 and "endpoints.bank.data.mode: the linked libcurl is older than 8.0" in said
    else:
        assert status == 0, said
