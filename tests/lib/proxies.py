"""Proxies that connect, refuse, lie, or say nothing: SOCKS5 and HTTP CONNECT, for the C tests.

Those that connect do so on this machine, whatever name they are asked for, so that a test can see
that names go to the proxy and not to the resolver.
"""
import base64
import socket
import threading

USER, PASSWORD = "ferry", "pass word"


def read_exactly(connection, n):
    data = b""
    while len(data) < n:
        part = connection.recv(n - len(data))
        if not part:
            raise OSError("gone")
        data += part
    return data


def hold(connection):
    while connection.recv(4096):
        pass


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def carry(client, port):
    with socket.create_connection(("127.0.0.1", port)) as server:
        threading.Thread(target=pump, args=(client, server), daemon=True).start()
        pump(server, client)


def socks5_request(connection):
    """Returns (kind of address, address, port)."""
    kind = read_exactly(connection, 4)[3]
    size = {1: 4, 4: 16}.get(kind) or read_exactly(connection, 1)[0]
    address = read_exactly(connection, size)
    return kind, address, int.from_bytes(read_exactly(connection, 2), "big")


def socks5_greeting(connection, method):
    read_exactly(connection, read_exactly(connection, 2)[1])
    connection.sendall(bytes([5, method]))


def socks5_connect(connection, bound=b"\x01" + bytes(6)):
    _, _, port = socks5_request(connection)
    connection.sendall(b"\x05\x00\x00" + bound)
    carry(connection, port)


def socks5_open(connection):
    socks5_greeting(connection, 0)
    socks5_connect(connection)


def socks5_named(connection):
    """Tells a name as the address it is bound to."""
    socks5_greeting(connection, 0)
    socks5_connect(connection, b"\x03\x05proxy\x00\x16")


def socks5_login(connection):
    socks5_greeting(connection, 2)
    user = read_exactly(connection, read_exactly(connection, 2)[1])
    password = read_exactly(connection, read_exactly(connection, 1)[0])
    good = (user, password) == (USER.encode(), PASSWORD.encode())
    connection.sendall(bytes([1, 0 if good else 1]))
    if good:
        socks5_connect(connection)


def socks5_no_names(connection):
    """A name is refused: who sends addresses looks names up by itself."""
    socks5_greeting(connection, 0)
    kind, _, port = socks5_request(connection)
    if kind != 3:
        connection.sendall(b"\x05\x08\x00\x01" + bytes(6))
        return
    connection.sendall(b"\x05\x00\x00\x01" + bytes(6))
    carry(connection, port)


def socks5_reply(number):
    def serve(connection):
        socks5_greeting(connection, 0)
        socks5_request(connection)
        connection.sendall(bytes([5, number, 0, 1]) + bytes(6))
    return serve


def http_request(connection):
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        data += read_exactly(connection, 1)
    return data


def http_open(connection):
    port = int(http_request(connection).split()[1].rsplit(b":", 1)[1])
    connection.sendall(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n")
    carry(connection, port)


def http_login(connection):
    request = http_request(connection)
    token = base64.b64encode(f"{USER}:{PASSWORD}".encode())
    if b"Proxy-Authorization: Basic " + token + b"\r\n" not in request:
        connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                           b"Proxy-Authenticate: Basic realm=\"x\"\r\n\r\n")
        return
    connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
    carry(connection, int(request.split()[1].rsplit(b":", 1)[1]))


def http_says(reply):
    def serve(connection):
        http_request(connection)
        connection.sendall(reply)
        hold(connection)
    return serve


def http_endless(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-Header: and one more\r\n" * 100)


PROXIES = {
    "socks5_open": socks5_open,
    "socks5_named": socks5_named,
    "socks5_login": socks5_login,
    "socks5_no_names": socks5_no_names,
    "socks5_no_method": lambda c: (socks5_greeting(c, 0xFF), hold(c)),
    "socks5_odd_method": lambda c: (socks5_greeting(c, 0x42), hold(c)),
    "socks5_denied": socks5_reply(2),
    "socks5_refused": socks5_reply(5),
    "socks5_undefined": socks5_reply(200),
    "socks5_half": lambda c: socks5_greeting(c, 0),
    "http_open": http_open,
    "http_login": http_login,
    "http_403": http_says(b"HTTP/1.1 403 Forbidden by \x1b[2Jpolicy\r\n\r\n"),
    "http_502": http_says(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"),
    "http_garbage": http_says(b"SSH-2.0-OpenSSH\r\n"),
    "http_endless": http_endless,
    "proxy_silent": hold,
    "proxy_closes": lambda c: None,
}


def serve_one(connection, serve):
    with connection:
        try:
            serve(connection)
        except OSError:
            pass


def accept_all(listener, serve):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve_one, args=(connection, serve), daemon=True).start()


def start_proxies(names):
    for name, serve in PROXIES.items():
        listener = socket.create_server(("127.0.0.1", 0))
        names[name] = listener.getsockname()[1]
        threading.Thread(target=accept_all, args=(listener, serve), daemon=True).start()
