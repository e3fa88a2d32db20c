#!/usr/bin/python3
"""Servers for the C tests of the SSH connection: real ones, hostile ones, and a proxy that cuts.

Usage: ssh_peers.py FOLDER GROUP...; prints "NAME PORT" lines and "READY", obeys commands on standard
input, and ends with everything it started when standard input ends.

Groups: sshd (OpenSSH in several set-ups), reach (more of them, for reach_peers.py), password, prompts
(asyncssh), commands (command_peers.py), agents (and certificates; with sshd), bytes (what no SSH
server would say).
Commands, each answered by one line: "attempts NAME", "cut BYTES", "stall BYTES", "drop",
"kill NAME", "start NAME" (of the group reach).
"""
import asyncio
import base64
import hmac
import os
import select
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.dont_write_bytecode = True

from lib.keys import make_key, public_key  # noqa: E402
from lib.processes import free_port  # noqa: E402
from lib.proxies import pump  # noqa: E402
from lib.reach_peers import start_reach  # noqa: E402

IDENTIFICATION = b"SSH-2.0-Hostile_1.0\r\n"


def packet(payload):
    padding = 8 - (len(payload) + 5) % 8
    padding += 8 if padding < 4 else 0
    return struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)


def string(data):
    return struct.pack(">I", len(data)) + data


def kexinit(kex=b"curve25519-sha256", cipher=b"aes128-ctr"):
    lists = [kex, b"ssh-ed25519", cipher, cipher, b"hmac-sha2-256", b"hmac-sha2-256", b"none", b"none",
             b"", b""]
    return packet(b"\x14" + bytes(16) + b"".join(map(string, lists)) + bytes(5))


def disconnect(text):
    return packet(b"\x01" + struct.pack(">I", 11) + string(text) + string(b""))


def hold(connection):
    """Reads until the client goes."""
    while connection.recv(4096):
        pass


def say(data, then=hold):
    def serve(connection):
        connection.sendall(data)
        then(connection)
    return serve


def flood(data):
    def serve(connection):
        while True:
            connection.sendall(data)
    return serve


def drip(data):
    def serve(connection):
        event = threading.Event()
        for i in range(len(data)):
            connection.sendall(data[i:i + 1])
            event.wait(0.01)
        hold(connection)
    return serve


def close(_connection):
    pass


BYTES = {
    "silence": hold,
    "close": close,
    "ftp": say(b"220 ProFTPD Server ready.\r\n"),
    "http": say(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", close),
    "tls": say(b"\x15\x03\x01\x00\x02\x02\x46"),
    "garbage": say(bytes(range(256)) * 8, close),
    "maxstartups": say(b"Exceeded MaxStartups\r\n", close),
    "notallowed": say(b"Not allowed at this time\r\n", close),
    "flood": flood(b"hello\r\n" * 9000),
    "flood_line": flood(b"x" * 60000),
    "flood_packets": lambda c: (c.sendall(IDENTIFICATION), flood(packet(b"\x02" + string(b"y" * 900)))(c)),
    "version1": say(b"SSH-1.5-old\r\n"),
    "long_version": say(b"SSH-2.0-" + b"v" * 400 + b"\r\n"),
    "identified_close": say(IDENTIFICATION, close),
    "identified_silence": say(IDENTIFICATION),
    "half_kexinit": say(IDENTIFICATION + kexinit()[:40]),
    "half_kexinit_close": say(IDENTIFICATION + kexinit()[:40], close),
    "kexinit_silence": say(IDENTIFICATION + kexinit()),
    "kexinit_no_kex": say(IDENTIFICATION + kexinit(kex=b"rsa1024-sha1"), close),
    "kexinit_no_cipher": say(IDENTIFICATION + kexinit(cipher=b"3des-cbc"), close),
    "kexinit_garbage": say(IDENTIFICATION + kexinit() + packet(b"\x1f" + b"\xff" * 64)),
    "huge_packet": say(IDENTIFICATION + b"\x7f\xff\xff\xff" + bytes(100)),
    "disconnect": say(IDENTIFICATION + disconnect(b"go away, \x1b[2Jplease"), close),
    "drip": drip(b"welcome\r\n" + IDENTIFICATION + kexinit()),
}


class Listener:
    def __init__(self, serve):
        self.serve = serve
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            connection, _ = self.socket.accept()
            threading.Thread(target=self.one, args=(connection,), daemon=True).start()

    def one(self, connection):
        with connection:
            try:
                self.serve(connection)
            except OSError:
                pass


class Cutter:
    """Forwards to a server; after so many bytes towards the client it closes, or forwards no more."""

    def __init__(self, port):
        self.target = port
        self.limit = None
        self.stall = False
        self.open = []
        self.listener = Listener(self.serve)
        self.port = self.listener.port

    def serve(self, client):
        limit, stall = self.limit, self.stall
        self.open.append(client)
        with socket.create_connection(("127.0.0.1", self.target)) as server:
            threading.Thread(target=pump, args=(client, server), daemon=True).start()
            self.downstream(server, client, limit, stall)

    def drop(self):
        for client in self.open:
            try:
                client.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.open.clear()

    @staticmethod
    def downstream(server, client, limit, stall):
        left = limit
        while data := server.recv(65536):
            part = data if left is None else data[:left]
            client.sendall(part)
            if left is None:
                continue
            left -= len(part)
            if left <= 0:
                if stall:
                    threading.Event().wait(20)
                client.shutdown(socket.SHUT_RDWR)
                return


class Idler:
    """Forwards to a server, as a firewall that forgets a connection when nothing came for so long."""

    def __init__(self, port, seconds):
        self.target, self.seconds = port, seconds
        self.port = Listener(self.serve).port

    def serve(self, client):
        with socket.create_connection(("127.0.0.1", self.target)) as server:
            while ready := select.select([client, server], [], [], self.seconds)[0]:
                for side in ready:
                    data = side.recv(65536)
                    if not data:
                        return
                    (server if side is client else client).sendall(data)


def write_pkcs8(folder, name, key, passphrase):
    how = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    path = folder / name
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how))
    path.chmod(0o600)
    path.with_name(name + ".pub").write_bytes(key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH))


def start_sshd(folder, names, started):
    from lib.sshd import Sshd
    keys = folder / "keys"
    keys.mkdir()
    for name, kind, passphrase, pem in (
            ("ed25519", "ed25519", "", False), ("ecdsa", "ecdsa", "", False),
            ("ecdsa_pem", "ecdsa", "", True), ("rsa", "rsa", "", False),
            ("rsa_pem", "rsa", "", True), ("ed25519_enc", "ed25519", "secret words", False),
            ("ecdsa_pem_enc", "ecdsa", "secret words", True), ("stranger", "ed25519", "", False)):
        make_key(keys / name, kind, passphrase, pem)
    write_pkcs8(keys, "ed25519_pkcs8", ed25519.Ed25519PrivateKey.generate(), b"")
    write_pkcs8(keys, "ecdsa_pkcs8_enc", ec.generate_private_key(ec.SECP384R1()), b"secret words")
    authorized = "\n".join(public_key(p.with_suffix("")) for p in sorted(keys.glob("*.pub"))
                           if p.stem != "stranger") + "\n"
    (folder / "sink.sh").write_text("echo last words; echo complaint >&2; exit 3\n")
    set_ups = {
        "sshd": ("internal-sftp", ""),
        "sshd_cat": ("/bin/cat", ""),
        "sshd_rekey": ("/bin/cat", "RekeyLimit 1M"),
        "sshd_sink": (f"/bin/sh {folder}/sink.sh", ""),
        "sshd_two": ("internal-sftp", "AuthenticationMethods publickey,publickey"),
        "sshd_picky": ("internal-sftp", "PubkeyAcceptedAlgorithms ssh-ed25519"),
        "sshd_none": ("internal-sftp", "MaxSessions 0"),
        "sshd_tries": ("internal-sftp", "MaxAuthTries 1"),
        "sshd_cbc": ("internal-sftp", "Ciphers aes256-cbc"),
        "sshd_sha1": ("internal-sftp", "Ciphers aes128-ctr\nMACs hmac-sha1"),
        "sshd_sntrup": ("internal-sftp", "KexAlgorithms sntrup761x25519-sha512@openssh.com"),
        "sshd_rsa": ("internal-sftp", ""),
        "sshd_internal": ("internal-sftp", "ForceCommand internal-sftp"),
        "sshd_forced": ("internal-sftp", "ForceCommand /usr/lib/openssh/sftp-server"),
        "sshd_one": ("internal-sftp", "MaxSessions 1"),
        "sshd_env": ("internal-sftp", "AcceptEnv FERRY_*"),
    }
    for name, (subsystem, extra) in set_ups.items():
        server = Sshd(folder / name, subsystem, extra, "rsa" if name == "sshd_rsa" else "ed25519")
        (server.folder / "authorized_keys").write_text(authorized)
        server.start()
        started.append(server.kill)
        names[name] = server.port
    names["cutter"] = (cutter := Cutter(names["sshd"])).port
    names["idler"] = Idler(names["sshd"], 3).port
    return cutter


def start_password(folder, names, started):
    import asyncssh

    counts = {}
    host_key = make_key(folder / "password_host_key")

    class Judge(asyncssh.SSHServer):
        def __init__(self, name, methods):
            self.name, self.methods = name, methods

        def begin_auth(self, username):
            counts[self.name] = counts.get(self.name, 0) + 1
            if username == "slow":
                return asyncio.sleep(3600)  # a directory that does not answer
            return username != "open"

        def password_auth_supported(self):
            return "password" in self.methods

        def validate_password(self, username, password):
            if password == "old":
                raise asyncssh.PasswordChangeRequired("choose a new one")
            return password == "pass word"

        def kbdint_auth_supported(self):
            return "keyboard" in self.methods

        def get_kbdint_challenge(self, username, lang, submethods):
            return "Login", "by prompt", "en", [("Password: ", False)]

        def validate_kbdint_response(self, username, responses):
            return responses == ["pass word"]

    for name, methods in (("password", ["password"]), ("keyboard", ["keyboard"])):
        run_asyncssh(host_key, name, names, lambda name=name, methods=methods: Judge(name, methods))
    return counts


# ---- agents and certificates (both need sshd's keys) ---------------------------------------------

def string_of(*parts):
    return string(b"".join(parts))


def agent_request(connection):
    head = connection.recv(4, socket.MSG_WAITALL)
    return connection.recv(struct.unpack(">I", head)[0], socket.MSG_WAITALL) if len(head) == 4 else b""


def a_key(folder):
    """The list of an agent that has the ed25519 key, and signs badly."""
    blob = base64.b64decode(public_key(folder / "keys/ed25519").split()[1])
    return string(b"\x0c" + struct.pack(">I", 1) + string(blob) + string(b"a key"))


def signs(reply):
    """Tells its key, then answers the request to sign with these bytes."""
    def serve(connection, folder):
        agent_request(connection)
        connection.sendall(a_key(folder))
        agent_request(connection)
        connection.sendall(reply)
        connection.recv(1)
    return serve


def answers(reply):
    def serve(connection, folder):
        agent_request(connection)
        connection.sendall(reply)
        connection.recv(1)
    return serve


AGENTS = {
    "agent_silent": lambda connection, folder: connection.recv(1 << 16) and connection.recv(1),
    "agent_closes": lambda connection, folder: agent_request(connection) and None,
    "agent_garbage": answers(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "agent_huge": answers(struct.pack(">I", 256 * 1024 + 1)),
    "agent_zero": answers(struct.pack(">I", 0)),
    "agent_refuses": answers(string(b"\x05")),
    "agent_many": answers(string(b"\x0c" + struct.pack(">I", 1 << 31) + string(b"x") + string(b""))),
    "agent_cut": answers(string(b"\x0c" + struct.pack(">I", 2) + b"\0\0\0\xff")),
    "agent_will_not": signs(string(b"\x05")),
    "agent_lies": signs(string(b"\x0e" + string_of(string(b"ssh-rsa"), string(b"x" * 64)))),
    "agent_forges": signs(string(b"\x0e" + string_of(string(b"ssh-ed25519"), string(b"x" * 64)))),
    "agent_half": signs(string(b"\x0e" + string(string(b"ssh-ed25519")))),
    "agent_sleeps": lambda connection, folder: (agent_request(connection), connection.sendall(a_key(folder)),
                                                agent_request(connection), connection.recv(1)),
}


def start_hostile_agent(folder, name, serve):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / name))
    listener.listen()

    def one(connection):
        with connection:
            try:
                serve(connection, folder)
            except OSError:
                pass

    def run():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    threading.Thread(target=run, daemon=True).start()


def start_real_agent(folder, name, keys, started):
    """ssh-agent with these of the keys, in this order."""
    path = folder / name
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL)
    started.append(process.terminate)
    env = {**os.environ, "SSH_AUTH_SOCK": str(path)}
    while subprocess.run(["ssh-add", "-l"], env=env, capture_output=True, check=False).returncode == 2:
        assert process.poll() is None  # 2: nobody listens yet
        time.sleep(0.01)
    for key in keys:
        subprocess.run(["ssh-add", "-q", str(folder / "keys" / key)], check=True, stdin=subprocess.DEVNULL, env=env)


def certify(folder, ca, key, name, *options):
    """keys/NAME (a copy of keys/KEY) and keys/NAME-cert.pub, signed by keys/CA."""
    for suffix in "", ".pub":
        shutil.copy(folder / f"keys/{key}{suffix}", folder / f"keys/{name}{suffix}")
    subprocess.run(["ssh-keygen", "-q", "-s", str(folder / "keys" / ca), "-I", f"id of {name}", *options,
                    str(folder / f"keys/{name}.pub")], check=True, stdin=subprocess.DEVNULL)


def start_certificates(folder, names, started):
    from lib.sshd import Sshd

    make_key(folder / "keys/ca")
    certify(folder, "ca", "ecdsa", "good", "-n", "root,ferry", "-V", "-1h:+1h")
    certify(folder, "ca", "ecdsa", "expired", "-n", "root", "-V", "20200101:20200201")
    certify(folder, "ca", "ecdsa", "early", "-n", "root", "-V", "20400101:20400201")
    certify(folder, "ca", "ecdsa", "elsewhere", "-n", "somebody")
    certify(folder, "stranger", "ecdsa", "unsigned", "-n", "root")
    certify(folder, "ca", "ecdsa", "host", "-h", "-n", "root")
    certify(folder, "ca", "ed25519", "good_ed25519", "-n", "root")
    certify(folder, "ca", "rsa", "good_rsa", "-n", "root")
    server = Sshd(folder / "sshd_certs", "internal-sftp", f"TrustedUserCAKeys {folder}/keys/ca.pub")
    (server.folder / "authorized_keys").write_text("")
    started.append(server.start().kill)
    names["sshd_certs"] = server.port


def start_agents(folder, names, started):
    start_real_agent(folder, "agent", ["stranger", "ed25519", "ecdsa"], started)
    start_real_agent(folder, "agent_rsa", ["rsa"], started)
    start_real_agent(folder, "agent_certified", ["good"], started)
    start_real_agent(folder, "agent_empty", [], started)
    for name, serve in AGENTS.items():
        start_hostile_agent(folder, name, serve)


def totp(user, step):
    """As an app shows it; the secret is the user's name with dots up to 20 bytes."""
    mac = hmac.new(user.encode().ljust(20, b"."), struct.pack(">Q", step), "sha1").digest()
    at = mac[-1] & 15
    return "%06d" % ((struct.unpack(">I", mac[at:at + 4])[0] & 0x7FFFFFFF) % 1000000)


class Prompter:
    """What the server asks, by user name. An answer gives the next question, True or False."""

    PASSWORD, CODE = ("Password: ", False), ("Verification code: ", False)
    PERIOD = {"quick": 4, "late": 2}
    SKEW = {"ahead": 1, "behind": -1, "far": 20}

    def __init__(self, counts):
        self.counts = counts
        self.seen = {}

    def count(self, name):
        self.counts[name] = self.counts.get(name, 0) + 1

    def step_of(self, user, code):
        now = int(time.time()) // self.PERIOD.get(user, 30)
        return next((now + o for o in (0, -1, 1, -2, 2, -3, 3) if totp(user, now + o) == code), None)

    def is_code(self, user, code):
        """Right for a server whose clock is off by SKEW steps, counted from the first code."""
        step = self.step_of(user, code)
        seen = self.seen.setdefault(user, [])
        self.count("codes")
        if step in seen:
            self.count("doubles")
            return False
        seen.append(step)
        return step is not None and (user not in self.SKEW or step == seen[0] + self.SKEW[user])

    def ask(self, user):
        return {
            "both": [self.PASSWORD, self.CODE],
            "rounds": [self.PASSWORD],
            "odd": [("Favourite \x1b[2Jcolour? ", True)],
            "change": [("Enter new password: ", False)],
            "endless": [],
            "again": [self.PASSWORD],
            "nothing": [],
        }.get(user, [self.CODE])

    def answer(self, user, responses, step):
        self.count("answers")
        if user == "both":
            return responses[0] == "pass word" and self.is_code(user, responses[1])
        if user == "rounds":
            return self.rounds(responses, step)
        if user == "endless":
            return []
        if user == "nothing":
            return responses == []
        if user == "again":
            return responses[0] == "pass word" or [self.PASSWORD]
        return self.is_code(user, responses[0])

    def rounds(self, responses, step):
        if step == 1:
            return responses[0] == "pass word" and []
        if step == 2:
            return responses == [] and [self.CODE]
        return self.is_code("rounds", responses[0])


def start_prompts(folder, names, counts):
    import asyncssh

    host_key = make_key(folder / "prompts_host_key")
    prompter = Prompter(counts)

    class Judge(asyncssh.SSHServer):
        def __init__(self):
            self.step = 0

        def begin_auth(self, username):
            return True

        def password_auth_supported(self):
            return False

        def kbdint_auth_supported(self):
            return True

        def get_kbdint_challenge(self, username, lang, submethods):
            self.user, self.step = username, 0
            # libssh2 1.10 refuses a short packet with a name, and reads past a lying one
            name = "\0" * 8 if username == "liar" else "" if username in ("nothing", "endless") else "Login"
            return name, "Hello", "en", prompter.ask(username)

        def validate_kbdint_response(self, username, responses):
            self.step += 1
            verdict = prompter.answer(username, responses, self.step)
            if isinstance(verdict, list):
                return "", f"step {self.step}", "en", verdict
            return verdict

    class Liar(asyncssh.auth._ServerKbdIntAuth):
        """Announces a name of 60,000 bytes and sends eight."""

        def send_packet(self, kind, *parts, **rest):
            if parts and parts[0] == string(b"\0" * 8):
                parts = (struct.pack(">I", 60000) + b"\0" * 8,) + parts[1:]
            super().send_packet(kind, *parts, **rest)

    asyncssh.auth._server_auth_handlers[b"keyboard-interactive"] = Liar
    run_asyncssh(host_key, "prompts", names, Judge)


def start_commands(folder, names):
    from lib.command_peers import AnyKey, process_factory

    (folder / "keys").mkdir(exist_ok=True)
    make_key(folder / "keys/ed25519")
    run_asyncssh(make_key(folder / "commands_host_key"), "commands", names, AnyKey,
                 process_factory=process_factory())


def run_asyncssh(host_key, name, names, factory, **more):
    from lib.ssh_listen import listen

    ready = threading.Event()
    loop = asyncio.new_event_loop()
    keep = []

    async def serve():
        names[name] = free_port()
        keep.append(await listen(names[name], server_host_keys=[str(host_key)], server_factory=factory,
                                 sftp_factory=True, **more))
        ready.set()

    def run():
        asyncio.set_event_loop(loop)
        loop.run_until_complete(serve())
        loop.run_forever()

    threading.Thread(target=run, daemon=True).start()
    assert ready.wait(20)


def main():
    folder = Path(sys.argv[1])
    groups = sys.argv[2:]
    names, started, counts, cutter, servers = {}, [], {}, None, {}
    try:
        if "bytes" in groups:
            for name, serve in BYTES.items():
                names[name] = Listener(serve).port
        if "password" in groups:
            counts = start_password(folder, names, started)
        if "reach" in groups:
            servers = start_reach(folder, names, started)
        if "prompts" in groups:
            start_prompts(folder, names, counts)
        if "commands" in groups:
            start_commands(folder, names)
        if "sshd" in groups:
            cutter = start_sshd(folder, names, started)
        if "agents" in groups:
            start_certificates(folder, names, started)
            start_agents(folder, names, started)
        for name, port in names.items():
            print(name, port)
        print("READY", flush=True)
        for line in sys.stdin:
            command, _, argument = line.strip().partition(" ")
            if command == "attempts":
                print(counts.get(argument, 0), flush=True)
            elif command in ("cut", "stall"):
                cutter.limit, cutter.stall = int(argument), command == "stall"
                print("ok", flush=True)
            elif command in ("kill", "start"):
                getattr(servers[argument], command)()
                print("ok", flush=True)
            elif command == "drop":
                cutter.drop()
                print("ok", flush=True)
    finally:
        for stop in started:
            stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
    os._exit(0)
