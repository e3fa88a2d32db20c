#!/usr/bin/python3
"""A real SFTP server whose answers end at the first rename: it is carried out, and nobody is told.
For sshd: `Subsystem sftp /usr/bin/python3 mute_rename.py`.
"""
import os
import struct
import subprocess
import sys
import threading

SERVER = "/usr/lib/openssh/sftp-server"
RENAME, EXTENDED = 18, 200


def is_rename(packet):
    return packet[0] == RENAME or (packet[0] == EXTENDED and b"posix-rename@openssh.com" in packet[:40])


def read_exactly(stream, n):
    data = stream.read(n)
    return data if len(data) == n else None


def forward_answers(server, muted):
    while data := os.read(server.stdout.fileno(), 65536):
        if not muted.is_set():
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()


def main():
    server = subprocess.Popen([SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    muted = threading.Event()
    threading.Thread(target=forward_answers, args=(server, muted), daemon=True).start()
    while head := read_exactly(sys.stdin.buffer, 4):
        packet = read_exactly(sys.stdin.buffer, struct.unpack(">I", head)[0])
        if packet is None:
            break
        if is_rename(packet):
            muted.set()
        server.stdin.write(head + packet)
        server.stdin.flush()
    server.stdin.close()
    server.wait()


if __name__ == "__main__":
    main()
    os._exit(0)
