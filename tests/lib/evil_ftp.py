#!/usr/bin/python3
"""An FTP(S) server that behaves as its mode says; one file "a.txt" of 100,000 bytes, one listing.

    server = EvilFtp("late-226", authority); server.port; server.commands   # what it was told

Usage on its own: evil_ftp.py MODE FOLDER; prints its port and serves until standard input ends.
"""
import os
import socket
import ssl
import sys
import threading
from pathlib import Path

CONTENT = b"A" * 100000
MLSD = b"type=file;size=100000;modify=20240131120000; a.txt\r\n"

# name: what it does. "tls" before the dash: FTPS, explicit.
MODES = {
    "good": "nothing wrong",
    "tls_good": "nothing wrong",
    "silence": "connects and says nothing",
    "ssh": "is an SSH server",
    "http": "is a web server",
    "hangup": "closes at once",
    "greet_421": "too many users, in the greeting",
    "user_530": "refuses the user",
    "pass_530": "refuses the password",
    "pass_421": "too many users, after the password",
    "pass_silence": "never answers the password",
    "endless_line": "a greeting line without an end",
    "endless_reply": "a hundred thousand lines for FEAT",
    "feat_hangup": "closes at FEAT",
    "pasv_garbage": "EPSV and PASV answered with words",
    "pasv_silence": "a passive port that nobody listens on",
    "pasv_second": "nobody listens on the port of EPSV, but on that of PASV",
    "pasv_blackhole": "a passive port whose packets are dropped, as behind a firewall",
    "pasv_only": "knows no EPSV",
    "pasv_foreign": "knows no EPSV, and PASV names 127.0.0.9 while the port is at 127.0.0.1",
    "pasv_elsewhere": "knows no EPSV, and its passive ports are at 127.0.0.9, as PASV says",
    "active_silence": "takes EPRT and never connects",
    "active_port": "knows no EPRT, only PORT",
    "pasv_control": "a passive port that is its control port",
    "never_150": "RETR is never answered",
    "never_226": "all data, but no confirmation",
    "early_226": "226 before the data",
    "cut_data": "60,000 of 100,000 bytes, then 226",
    "cut_426": "60,000 of 100,000 bytes, then 426",
    "long_data": "more than was listed",
    "stall_data": "60,000 bytes, then nothing",
    "stall_retr": "60,000 bytes of a file, then nothing; listings are whole",
    "retr_never_226": "all of a file, but no confirmation; listings have theirs",
    "stall_stor": "takes a data connection and reads nothing from it",
    "rest": "begins where REST says",
    "rest_refused": "says it knows REST, and refuses it",
    "rest_ignored": "takes REST, and begins at the start",
    "retr_550": "refuses RETR after the data connection is open",
    "stor_552": "disk full after the data",
    "reuse_522": "refuses the data connection as vsftpd does when the session is not reused",
    "tls_reuse_425": "the same as ProFTPD does",
    "list_names": "names that climb, with a slash, with ESC and longer than any file's",
    "list_long": "a name of 10,000 bytes",
    "list_unknown": "a listing nobody understands",
    "list_endless": "a listing that never ends",
    "list_crlf": "a name with a line end in it, in LIST",
    "mlst_lies": "MLST answers without facts",
    "acct": "wants an account, which is \"cost centre\"",
    "idle_421": "ends the session with 421 at the first command after the login",
    "idle_hangup": "closes right after the login",
    "tls_refused": "no AUTH TLS",
    "tls_prot": "no PROT P",
    "tls_silence": "AUTH TLS, then no handshake",
    "tls_expired": "an expired certificate",
    "tls_early": "a certificate that is not valid yet",
    "tls_name": "a certificate for another host",
    "tls_stranger": "a certificate of another authority",
    "tls_self": "a certificate of its own",
    "tls_cut": "60,000 bytes and the end without close_notify, then 226",
    "tls_list_cut": "half a listing without close_notify, then 226",
}

# hangs up at that command instead of answering
CUTS = ("USER", "PASS", "FEAT", "SYST", "PWD", "TYPE", "EPSV", "RETR", "STOR", "MLSD", "MLST", "NOOP",
        "DELE", "RNFR", "RNTO", "MKD", "CWD", "SIZE")
MODES.update({f"cut_at_{verb}": f"hangs up at {verb}" for verb in CUTS})
MODES.update({f"tls_cut_at_{verb}": f"hangs up at {verb}" for verb in ("AUTH", "USER", "PBSZ", "PROT")})


class EvilFtp:
    def __init__(self, mode, authority):
        self.mode = mode
        self.heard = authority.folder / f"{mode}.commands"  # for tests in other processes
        self.heard.touch()
        self.is_tls = mode.startswith("tls_")
        self.commands = []
        self.context = self.make_context(authority) if self.is_tls else None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def make_context(self, authority):
        from lib.ftpd import Authority
        name = self.mode[4:]
        if name == "stranger":
            authority = Authority(authority.folder / "stranger", "Stranger")
        more = {"expired": {"first_day": -20, "last_day": -3}, "early": {"first_day": 3},
                "name": {"names": ["elsewhere.example"]}}.get(name, {})
        certificate, key = authority.issue(self.mode, **more)
        if name == "self":
            other = Authority(authority.folder / "self", "127.0.0.1")
            certificate, key = other.issue("self")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        return context

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            Session(self, connection).serve()
        except OSError:
            pass
        finally:
            connection.close()


class Session:
    def __init__(self, server, connection):
        self.server, self.mode, self.connection = server, server.mode, connection
        self.file = connection.makefile("rb")
        self.data = None
        self.target = None
        self.protects = False
        self.offset = 0
        self.is_logged_in = False

    def say(self, text):
        self.connection.sendall(text.encode("latin-1") + b"\r\n")

    def hold(self):
        while self.connection.recv(4096):
            pass

    # ---- control ----

    def serve(self):
        if not self.greet():
            return
        while line := self.file.readline(70000):
            line = line.decode("latin-1").rstrip("\r\n")
            self.server.commands.append(line)
            with open(self.server.heard, "a", encoding="latin-1") as heard:
                heard.write(line + "\n")
            verb, _, argument = line.partition(" ")
            if self.mode.endswith("cut_at_" + verb.upper()):
                return
            if self.answer(verb.upper(), argument) is False:
                return

    def greet(self):
        if self.mode == "silence":
            self.hold()
        elif self.mode == "ssh":
            self.say("SSH-2.0-OpenSSH_9.2p1")
            self.hold()
        elif self.mode == "http":
            self.say("HTTP/1.1 400 Bad Request")
        elif self.mode == "greet_421":
            self.say("421 There are too many connected users, please try later.")
        elif self.mode == "endless_line":
            while True:
                self.connection.sendall(b"220-" + b"x" * 60000)
        elif self.mode != "hangup":
            self.say("220 ready")
            return True
        return False

    def answer(self, verb, argument):
        if self.mode == "idle_421" and self.is_logged_in and verb != "OPTS":
            self.say("421 Idle for too long")
            return False
        self.is_logged_in = verb in ("SYST", "OPTS")  # the last words of a login
        method = getattr(self, "on_" + verb.lower(), None)
        if method:
            return method(argument)
        return self.say("500 what?")

    def on_auth(self, _):
        if not self.server.is_tls or self.mode == "tls_refused":
            return self.say("534 no TLS here")
        self.say("234 go ahead")
        if self.mode == "tls_silence":
            self.hold()
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.file = self.connection.makefile("rb")
        return None

    def on_user(self, _):
        self.say("530 no such user" if self.mode == "user_530" else "331 password?")

    def on_pass(self, _):
        if self.mode == "pass_530":
            return self.say("530 Login incorrect.")
        if self.mode == "pass_421":
            self.say("421 too many connections from your address")
            return False
        if self.mode == "pass_silence":
            self.hold()
        return self.say("332 account?" if self.mode == "acct" else "230 in")

    def on_acct(self, argument):
        self.say("230 in" if argument == "cost centre" else "530 no such account")

    def on_pbsz(self, _):
        self.say("200 ok")

    def on_prot(self, argument):
        if self.mode == "tls_prot":
            return self.say("534 clear only")
        self.protects = argument == "P"
        return self.say("200 ok")

    def on_pwd(self, _):
        self.say('257 "/" is it')

    def on_syst(self, _):
        self.say("215 UNIX Type: L8")

    def on_feat(self, _):
        if self.mode == "feat_hangup":
            return False
        if self.mode == "endless_reply":
            self.connection.sendall(b"".join(b"211-line %d\r\n" % i for i in range(100000)))
        mlst = "" if self.mode in ("list_crlf", "list_unknown") else " MLST type*;size*;modify*;\r\n"
        rest = " REST STREAM\r\n" if self.mode.startswith("rest") else ""
        self.say("211-Features:\r\n" + mlst + rest + " SIZE\r\n MDTM\r\n211 End")
        return self.mode != "idle_hangup"

    def on_type(self, _):
        self.say("200 ok")

    def on_noop(self, _):
        self.say("200 ok")

    def on_dele(self, _):
        self.say("250 ok")

    def on_mkd(self, _):
        self.say("257 ok")

    def on_rnfr(self, _):
        self.say("350 ok")

    def on_rnto(self, _):
        self.say("250 ok")

    def on_cwd(self, argument):
        self.say("550 No such directory" if argument.endswith("new") else "250 ok")

    def on_size(self, argument):
        self.say("213 100000" if argument.endswith("a.txt") else "550 No such file")

    def on_mdtm(self, argument):
        self.say("213 20240131120000" if argument.endswith("a.txt") else "550 No such file")

    def on_mlst(self, argument):
        if self.mode == "mlst_lies":
            self.say("250-It is\r\n250 a file")
        elif argument.endswith("a.txt"):
            self.say("250-Begin\r\n type=file;size=100000;modify=20240131120000; /a.txt\r\n250 End")
        else:
            self.say("550 No such file or directory")

    def on_quit(self, _):
        self.say("221 bye")
        return False

    # ---- data ----

    def on_epsv(self, _):
        if self.mode == "pasv_garbage":
            return self.say("229 come in (|||9999999|)")
        if self.mode == "pasv_control":
            return self.say(f"229 ok (|||{self.server.port}|)")
        if self.mode in ("pasv_only", "pasv_foreign", "pasv_elsewhere"):
            return self.say("500 EPSV what?")
        port = self.listen("127.0.0.1")
        if self.mode in ("pasv_silence", "pasv_second"):
            self.data.close()
        if self.mode == "pasv_blackhole":
            self.fill_queue(port)
        return self.say(f"229 ok (|||{port}|)")

    def listen(self, address):
        self.data = socket.create_server((address, 0), backlog=0)
        return self.data.getsockname()[1]

    def fill_queue(self, port):
        """A full queue of connections makes the kernel drop those that come, as a firewall does."""
        self.fillers = [socket.socket() for _ in range(8)]
        for filler in self.fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))

    def on_pasv(self, _):
        if self.mode == "pasv_garbage":
            return self.say("227 come in (999,1,2,3,4,5)")
        if self.mode not in ("pasv_only", "pasv_foreign", "pasv_elsewhere", "pasv_second"):
            return self.say("500 no")
        port = self.listen("127.0.0.9" if self.mode == "pasv_elsewhere" else "127.0.0.1")
        address = "127,0,0,1" if self.mode in ("pasv_only", "pasv_second") else "127,0,0,9"
        return self.say(f"227 ok ({address},{port >> 8},{port & 255})")

    def on_eprt(self, argument):
        if self.mode == "active_port":
            return self.say("500 EPRT what?")
        _, _, address, port, _ = argument.split(argument[0])
        self.target = address, int(port)
        return self.say("200 ok")

    def on_port(self, argument):
        n = argument.split(",")
        self.target = ".".join(n[:4]), int(n[4]) * 256 + int(n[5])
        self.say("200 ok")

    def accept(self):
        if self.mode == "active_silence":
            self.hold()
        if self.target:
            return socket.create_connection(self.target)
        if not self.data:
            raise ConnectionError("asked for data without a way to send it")  # libcurl 8.14 does
        connection, _ = self.data.accept()
        self.data.close()
        if self.protects:
            connection = self.server.context.wrap_socket(connection, server_side=True)
        return connection

    def end(self, connection):
        if not self.protects:
            connection.close()
        elif self.mode in ("tls_cut", "tls_list_cut"):
            os.close(connection.detach())
        else:
            try:
                connection.unwrap()
            except (OSError, ssl.SSLError):
                pass
            connection.close()

    def transfer(self, content, last="226 done"):
        self.say("150 here it comes")
        connection = self.accept()
        if self.mode == "early_226":
            self.say("226 done")
        connection.sendall(content)
        if self.mode == "stall_data":
            self.hold()
        while self.mode == "list_endless":
            connection.sendall(b"".join(b"type=file;size=1;modify=20240131120000; f%d\r\n" % i
                                        for i in range(1000)))
        self.end(connection)
        if self.mode == "never_226":
            self.hold()
        if self.mode != "early_226":
            self.say(last)

    def on_rest(self, argument):
        if self.mode == "rest_refused":
            return self.say("502 not here")
        self.offset = int(argument) if self.mode == "rest" else 0
        return self.say("350 from there")

    def on_retr(self, _):
        if self.mode == "never_150":
            self.hold()
        refusals = {"retr_550": "550 a.txt: Permission denied",
                    "reuse_522": "522 SSL connection failed; session reuse required: see require_ssl_reuse "
                                 "option in vsftpd.conf man page",
                    "tls_reuse_425": "425 Unable to build data connection: Operation not permitted"}
        if self.mode in refusals:
            return self.say(refusals[self.mode])
        if self.mode in ("stall_retr", "retr_never_226"):
            self.mode = "stall_data" if self.mode == "stall_retr" else "never_226"
        cut = self.mode in ("cut_data", "cut_426", "stall_data", "tls_cut")
        content = CONTENT[:60000] if cut else CONTENT[self.offset:] + (b"more" if self.mode == "long_data" else b"")
        return self.transfer(content, "426 broken" if self.mode == "cut_426" else "226 done")

    def on_mlsd(self, _):
        if self.mode == "list_names":
            names = [b"../up.txt", b"..", b"a/b.txt", b"/abs.txt", b"\x1b[2J.txt", b"n" * 300]
            return self.transfer(b"".join(b"type=file;size=100000;modify=20240131120000; %s\r\n" % n
                                          for n in names) + MLSD)
        if self.mode == "list_long":
            return self.transfer(MLSD + b"type=file;size=1;modify=20240131120000; " + b"n" * 10000 + b"\r\n")
        return self.transfer(MLSD[:20] if self.mode == "tls_list_cut" else MLSD)

    def on_list(self, _):
        unknown = b"A0001 <a.txt> 100 kilobytes, last week\r\n"
        names = b"-rw-r--r-- 1 u g 5 Jan 31 2024 a\rDELE b\r\n"
        self.transfer(unknown if self.mode == "list_unknown" else names)

    def on_stor(self, _):
        self.say("150 give it to me")
        connection = self.accept()
        if self.mode == "stall_stor":
            self.hold()
        while connection.recv(65536):
            pass
        self.end(connection)
        if self.mode == "never_226":
            self.hold()
        self.say("552 Disk full" if self.mode == "stor_552" else "226 done")


def main():
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from lib.ftpd import Authority
    print(EvilFtp(sys.argv[1], Authority(sys.argv[2])).port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
