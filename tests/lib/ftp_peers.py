#!/usr/bin/python3
"""Servers for the C tests of FTP connections: real ones and one that answers what its mode says.

Usage: ftp_peers.py FOLDER GROUP...; prints "NAME PORT PATH HOME CA" lines and "READY", and ends with
everything it started when standard input ends.

Groups: proftpd, vsftpd (each explicit, implicit and plain), evil (every mode of evil_ftp.py).
"""
import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.dont_write_bytecode = True

from lib.evil_ftp import MODES, EvilFtp  # noqa: E402
from lib.ftpd import Authority, Proftpd, Vsftpd, find_vsftpd  # noqa: E402


def start_real(name, make, folder, started):
    for tls in ("explicit", "implicit", None):
        server = make(folder / f"{name}-{tls}", tls=tls).start()
        started.append(server.kill)
        print(f"{name}_{tls or 'plain'} {server.port} {server.path} {server.home} {server.ca}")


def start_evil(folder):
    authority = Authority(folder / "evil")
    for mode in MODES:
        server = EvilFtp(mode, authority)
        print(f"evil_{mode} {server.port} / / {authority.pem}")


def main():
    folder = Path(sys.argv[1])
    groups = sys.argv[2:]
    started = []
    try:
        if "proftpd" in groups:
            start_real("proftpd", Proftpd, folder, started)
        if "vsftpd" in groups and os.geteuid() == 0 and find_vsftpd():
            start_real("vsftpd", Vsftpd, folder, started)
        if "evil" in groups:
            start_evil(folder)
        print("READY", flush=True)
        sys.stdin.read()
    finally:
        for stop in started:
            stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
    os._exit(0)
