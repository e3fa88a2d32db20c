#!/usr/bin/python3
"""A hostile SFTP server behind a real sshd: `Subsystem sftp /usr/bin/python3 evil_sftp.py MODE [FILE]`.

Its directory listing holds what the mode says; files read as "hello".
  names FILE   the names in FILE, one hex string a line
  growing      a file that is longer each time it is asked about, and when it is read
  endless      a listing that never ends
  truncate     a packet that ends in its middle, then the channel closes
  giant        a packet that claims 4 GiB
  wrong-id     answers to questions nobody asked
  stall        no answer to the listing
  full         every write says the disk is full
  denied       every open for writing is refused
"""
import struct
import sys

MODE = sys.argv[1]
INIT, OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT, OPENDIR, READDIR, REMOVE, REALPATH, STAT = (
    1, 3, 4, 5, 6, 7, 8, 11, 12, 13, 16, 17)
STATUS, HANDLE, DATA, NAME, ATTRS = 101, 102, 103, 104, 105
OK, EOF, NO_SUCH_FILE, DENIED, FAILURE = 0, 1, 2, 3, 4


class Evil:
    def __init__(self):
        self.listed = 0
        self.asked = 0
        self.removed = False

    def serve(self):
        while packet := self.read_packet():
            if packet[0] == INIT:
                self.write(bytes([2]) + struct.pack(">I", 3))
                continue
            ident, = struct.unpack(">I", packet[1:5])
            self.answer(packet[0], ident, packet[5:])

    def answer(self, kind, ident, rest):
        if kind == READDIR:
            self.readdir(ident)
        elif kind == REALPATH:
            self.names(ident, [b"/"])
        elif kind in (STAT, LSTAT, FSTAT):
            self.stat(ident, rest)
        elif kind == OPEN:
            self.open(ident, rest)
        elif kind == OPENDIR:
            self.listed = 0
            self.write(bytes([HANDLE]) + struct.pack(">I", ident) + text(b"h"))
        elif kind == READ:
            self.read(ident, rest)
        elif kind == WRITE and MODE == "full":
            self.status(ident, FAILURE, b"No space left on device")
        else:
            self.status(ident, OK)

    def readdir(self, ident):
        self.listed += 1
        if MODE == "endless":
            self.names(ident, [b"f%09d" % (self.listed * 400 + k) for k in range(400)])
        elif MODE == "stall":
            self.hang()
        elif self.listed > 1:
            self.status(ident, EOF)
        elif MODE == "names":
            with open(sys.argv[2], encoding="ascii") as f:
                self.names(ident, [bytes.fromhex(line.strip()) for line in f])
        elif MODE == "truncate":
            self.raw(struct.pack(">I", 500) + b"h")
            sys.exit(0)
        elif MODE == "giant":
            self.raw(struct.pack(">I", 0xFFFFFFF0) + bytes([NAME]))
            self.hang()
        elif MODE == "wrong-id":
            self.names(ident ^ 0x55, [b"x"])
        else:
            self.names(ident, [b"growing.txt"] if MODE == "growing" else [])

    def stat(self, ident, rest):
        path = rest[4:]
        if path == b"f":  # the handle of a file
            path = b"growing.txt" if MODE == "growing" else b"f.txt"
        if MODE == "growing" and path.endswith(b"growing.txt"):
            self.asked += 1
            self.write(bytes([ATTRS]) + struct.pack(">I", ident) + attributes(5 + self.asked))
        elif b"." in path.rpartition(b"/")[2] and MODE not in ("names", "growing"):
            self.status(ident, NO_SUCH_FILE, b"No such file")
        elif b"." not in path.rpartition(b"/")[2]:
            self.write(bytes([ATTRS]) + struct.pack(">I", ident) + attributes(0, 0o40755))
        else:
            self.write(bytes([ATTRS]) + struct.pack(">I", ident) + attributes(5))

    def open(self, ident, rest):
        length, = struct.unpack(">I", rest[:4])
        flags, = struct.unpack(">I", rest[4 + length:8 + length])
        if MODE == "denied" and flags & 2:
            self.status(ident, DENIED, b"You shall not write")
        else:
            self.write(bytes([HANDLE]) + struct.pack(">I", ident) + text(b"f"))

    def read(self, ident, rest):
        length, = struct.unpack(">I", rest[:4])
        offset, size = struct.unpack(">QI", rest[4 + length:16 + length])
        data = (b"hello" if MODE != "growing" else b"hello" * 100)[offset:offset + size]
        if data:
            self.write(bytes([DATA]) + struct.pack(">I", ident) + text(data))
        else:
            self.status(ident, EOF)

    def names(self, ident, names):
        body = b"".join(text(n) + text(b"-rw-r--r-- 1 u g 5 Jan 1 00:00 " + n) + attributes(5)
                        for n in names)
        self.write(bytes([NAME]) + struct.pack(">II", ident, len(names)) + body)

    def status(self, ident, code, words=b""):
        self.write(bytes([STATUS]) + struct.pack(">II", ident, code) + text(words) + text(b""))

    @staticmethod
    def hang():
        """Says nothing until the other side gives up; never stays behind."""
        while sys.stdin.buffer.read(4096):
            pass
        sys.exit(0)

    @staticmethod
    def read_packet():
        head = sys.stdin.buffer.read(4)
        return sys.stdin.buffer.read(struct.unpack(">I", head)[0]) if len(head) == 4 else b""

    def write(self, body):
        self.raw(struct.pack(">I", len(body)) + body)

    @staticmethod
    def raw(data):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def text(data):
    return struct.pack(">I", len(data)) + data


def attributes(size, mode=0o100644):
    return struct.pack(">IQIII", 1 | 4 | 8, size, mode, 1700000000, 1700000000)


if __name__ == "__main__":
    Evil().serve()
