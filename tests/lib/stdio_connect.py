#!/usr/bin/python3
"""A proxy command: connects to HOST PORT and carries standard input and output, as nc does.

Usage: stdio_connect.py HOST PORT [MODE]. MODE: "talk" says something to standard error first,
"die" says it and ends with status 7 at once, "stubborn" does not end when its input ends.
"""
import signal
import socket
import sys
import threading


def pump(read, write, done):
    while data := read():
        write(data)
    done()


def main():
    mode = sys.argv[3] if len(sys.argv) > 3 else ""
    if mode:
        print("connecting\nthe gate \x1b[2Jis closed", file=sys.stderr, flush=True)
    if mode == "die":
        return 7
    if mode == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    server = socket.create_connection((sys.argv[1], int(sys.argv[2])))
    threading.Thread(target=pump, daemon=True, args=(
        lambda: server.recv(65536),
        lambda d: (sys.stdout.buffer.write(d), sys.stdout.buffer.flush()), sys.stdout.close)).start()
    pump(lambda: sys.stdin.buffer.raw.read(65536), server.sendall, lambda: None)
    if mode == "stubborn":
        threading.Event().wait(60)
    return 0


if __name__ == "__main__":
    sys.exit(main())
