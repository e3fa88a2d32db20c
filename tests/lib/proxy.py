"""A TCP proxy that makes a network go wrong on command."""
import socket
import struct
import threading
import time

from lib.processes import free_port


class Proxy:
    """
    with Proxy(sshd.port) as p:      clients use p.port
        p.stall = True               bytes stop, connections stay
        p.delay = 0.05               each way
        p.rate = 65536               bytes per second from the server
        p.cut_after = 100000         bytes from the server, then RST, once per connection
        p.reset()                    RST for all that are open
    """

    def __init__(self, target):
        self.target = target
        self.port = free_port()
        self.stall = False
        self.delay = 0.0
        self.rate = 0
        self.cut_after = 0
        self.connections = 0
        self.sent_by_client = 0
        self.open = []
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.ending = False
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ending = True
        self.listener.shutdown(socket.SHUT_RDWR)  # close alone does not wake accept
        self.listener.close()
        self.reset()

    def accept(self):
        while not self.ending:
            try:
                client, _ = self.listener.accept()
                self.connections += 1
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                if self.ending:
                    return
                client.close()
                continue
            self.open += [client, server]
            for pair in ((client, server, False), (server, client, True)):
                threading.Thread(target=self.carry, args=pair, daemon=True).start()

    def carry(self, source, sink, from_server):
        passed = 0
        try:
            while data := source.recv(16384):
                while self.stall and not self.ending:
                    time.sleep(0.01)
                if self.delay:
                    time.sleep(self.delay)
                if from_server and self.rate:
                    time.sleep(len(data) / self.rate)
                passed += len(data)
                if not from_server:
                    self.sent_by_client += len(data)
                if from_server and self.cut_after and passed > self.cut_after:
                    self.cut(source, sink)
                    return
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            self.cut(source, sink)

    @staticmethod
    def cut(*sockets):
        for s in sockets:
            try:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()

    def reset(self):
        self.cut(*self.open)
        self.open = []
