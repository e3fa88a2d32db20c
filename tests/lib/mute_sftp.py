#!/usr/bin/python3
"""A real SFTP server whose answers end at the first rename, or write: it is carried out, and nobody
is told. For sshd: `Subsystem sftp /usr/bin/python3 mute_sftp.py rename|write`.
"""
import os
import struct
import subprocess
import sys
import threading

SERVER = "/usr/lib/openssh/sftp-server"
WRITE, RENAME, EXTENDED = 6, 18, 200


def is_the_one(packet):
    if sys.argv[1] == "write":
        return packet[0] == WRITE
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
        if is_the_one(packet):
            muted.set()
        server.stdin.write(head + packet)
        server.stdin.flush()
    server.stdin.close()
    server.wait()


if __name__ == "__main__":
    main()
    os._exit(0)
