"""Real FTP servers of our own on the loopback: ProFTPD and vsftpd, with a certificate authority.

The two packages exclude each other on Debian: ProFTPD is installed, vsftpd unpacked beside it.
"""
import datetime
import grp
import ipaddress
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lib.processes import free_port, kill_tree
from lib.wait import wait_for

PROFTPD = shutil.which("proftpd", path="/usr/sbin:/usr/bin") or "/usr/sbin/proftpd"
PASSWORD = "pass word"


# ---- certificates ---------------------------------------------------------------------------------

class Authority:
    """ca = Authority(folder); ca.pem; ca.issue("name", days=…, names=[…]) -> (certificate, key)"""

    def __init__(self, folder, name="Test Authority"):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = subject(name)
        self.pem = self.folder / "ca.pem"
        cert = self.build(self.name, self.key, -1, 100).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), True).sign(self.key, hashes.SHA256())
        self.pem.write_bytes(cert.public_bytes(serialization.Encoding.PEM))

    def build(self, name, key, first_day, last_day):
        now = datetime.datetime.utcnow()
        return (x509.CertificateBuilder().subject_name(name).issuer_name(self.name)
                .public_key(key.public_key()).serial_number(x509.random_serial_number())
                .not_valid_before(now + datetime.timedelta(days=first_day))
                .not_valid_after(now + datetime.timedelta(days=last_day)))

    def issue(self, file, names=("localhost", "127.0.0.1", "::1"), first_day=-1, last_day=30, passphrase=None):
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self.build(subject(names[0]), key, first_day, last_day)
        cert = builder.add_extension(x509.SubjectAlternativeName([general(n) for n in names]),
                                     False).sign(self.key, hashes.SHA256())
        paths = self.folder / f"{file}.pem", self.folder / f"{file}.key"
        paths[0].write_bytes(cert.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM,
                                               serialization.PrivateFormat.PKCS8,
                                               serialization.BestAvailableEncryption(passphrase)
                                               if passphrase else serialization.NoEncryption()))
        paths[1].chmod(0o600)
        return paths


def subject(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def general(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


# ---- what both have in common ----------------------------------------------------------------------

class Server:
    """
    s = Proftpd(folder).start()
    s.user, s.password, s.port, s.ca        what a client needs
    s.home                                  where the files of `s.path` lie
    s.kill(); s.start()                     the same server again, same port
    """
    path = ""

    def __init__(self, folder, tls="explicit", host="127.0.0.1"):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.tls = tls
        self.host = host
        self.port = free_port()
        self.process = None
        self.env = {}
        self.log = self.folder / "server.log"
        self.authority = Authority(self.folder / "tls")
        self.ca = self.authority.pem
        self.certificate = self.authority.issue("server")
        self.password = PASSWORD

    def command(self):
        raise NotImplementedError

    def start(self):
        assert self.process is None
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True,
                                            env=dict(os.environ, **self.env))
        wait_for(self.answers, lambda: f"an FTP server on port {self.port}\n{self.log_text()}", 20)
        return self

    def answers(self):
        assert self.process.poll() is None, f"the FTP server ended:\n{self.log_text()}"
        try:
            with socket.create_connection((self.host, self.port), timeout=5) as s:
                return self.tls == "implicit" or s.recv(4)[:3] == b"220"
        except OSError:
            return False

    def kill(self):
        """The machine is gone: listener and all sessions at once."""
        if self.process:
            kill_tree(self.process)
            self.process = None

    stop = kill

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def make_folder(self, name):
        """A directory that the account may write to: (where it lies here, its path at the server)."""
        here = self.home / name
        here.mkdir()
        owner = self.home.stat()
        os.chown(here, owner.st_uid, owner.st_gid)
        return here, f"{self.path}/{name}"

    def endpoint(self, **more):
        """The configuration that reaches it."""
        secret = self.folder / "secret"
        secret.write_text(self.password)
        secret.chmod(0o600)
        settings = {"protocol": "ftps" if self.tls else "ftp", "host": self.host, "port": self.port,
                    "user": self.user, "auth": [{"password": {"file": str(secret)}}]}
        if self.tls:
            settings["tls"] = {"mode": self.tls, "ca": str(self.ca)}
        return dict(settings, **more)


# ---- ProFTPD ----------------------------------------------------------------------------------------

PROFTPD_MODULES = Path("/usr/lib/proftpd")
PROFTPD_CONFIG = """\
ModulePath /usr/lib/proftpd
{parts}
ServerType standalone
ServerName test
DefaultServer on
Port {port}
DefaultAddress {host}
UseIPv6 {v6}
User {owner}
Group {group}
PidFile {folder}/pid
ScoreboardFile {folder}/scoreboard
<IfModule mod_delay.c>
  DelayTable none
</IfModule>
SystemLog {folder}/system.log
TransferLog none
WtmpLog off
UseReverseDNS off
RootLogin on
RequireValidShell off
AuthPAM off
AuthOrder mod_auth_file.c
AuthUserFile {folder}/users
AllowOverwrite on
AllowStoreRestart on
TimeoutIdle 600
MaxInstances 60
{modules}
{extra}
"""

PROFTPD_TLS = """\
LoadModule mod_tls.c
<IfModule mod_tls.c>
  TLSEngine on
  TLSLog {folder}/tls.log
  TLSProtocol TLSv1.2 TLSv1.3
  TLSRequired on
  TLSECCertificateFile {certificate}
  TLSECCertificateKeyFile {key}
  TLSVerifyClient off
  TLSRenegotiate none
  {options}
</IfModule>
"""


def instead(extra, text):
    """ProFTPD obeys the first of equal directives: those of `extra` alone are left."""
    ours = {line.split()[0] for line in extra.splitlines() if line.strip()} - {"LoadModule"}
    lines = [line for line in text.splitlines() if not line.split() or line.split()[0] not in ours]
    return "\n".join(lines + [extra, ""])


class Proftpd(Server):
    """MLSD, session reuse required (its default)."""

    def __init__(self, folder, tls="explicit", extra="", host="127.0.0.1"):
        super().__init__(folder, tls, host)
        self.user = "ferry"
        self.home = self.folder / "home"
        self.home.mkdir(exist_ok=True)
        self.path = str(self.home)
        self.configure(extra)
        me = pwd.getpwuid(os.getuid())
        run = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=self.password + "\n",
                             capture_output=True, text=True, check=True)
        users = self.folder / "users"
        users.write_text(f"{self.user}:{run.stdout.strip()}:{me.pw_uid}:{me.pw_gid}::{self.home}:/bin/sh\n")
        users.chmod(0o600)

    def configure(self, extra=""):
        """Takes effect with the next start."""
        me = pwd.getpwuid(os.getuid())
        modules = ""
        if self.tls:
            modules = PROFTPD_TLS.format(
                folder=self.folder, certificate=self.certificate[0], key=self.certificate[1],
                options="TLSOptions UseImplicitSSL" if self.tls == "implicit" else "")
        # compiled in at Debian 12, modules at Debian 13
        parts = "\n".join(f"LoadModule {name}.c" for name in ("mod_ls", "mod_xfer", "mod_delay")
                          if (PROFTPD_MODULES / f"{name}.so").exists())
        extra = extra.replace("{ca}", str(self.ca))
        (self.folder / "proftpd.conf").write_text(instead(extra, PROFTPD_CONFIG.format(
            parts=parts, host=self.host, v6="on" if ":" in self.host else "off", 
            port=self.port, folder=self.folder, owner=me.pw_name, group=grp.getgrgid(me.pw_gid).gr_name, modules=modules,
            extra=extra)))

    def command(self):
        return [PROFTPD, "-n", "-q", "-c", str(self.folder / "proftpd.conf")]


# ---- vsftpd -----------------------------------------------------------------------------------------

VSFTPD_CONFIG = """\
{listen}
listen_port={port}
background=NO
anonymous_enable=YES
local_enable=NO
write_enable=YES
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_other_write_enable=YES
anon_world_readable_only=NO
anon_umask=022
anon_root={root}
ftp_username={owner}
secure_chroot_dir={folder}/empty
seccomp_sandbox=NO
xferlog_enable=NO
vsftpd_log_file={folder}/vsftpd.log
max_per_ip=50
idle_session_timeout=600
{tls}
{extra}
"""

VSFTPD_TLS = """\
ssl_enable=YES
implicit_ssl={implicit}
allow_anon_ssl=YES
force_anon_logins_ssl=YES
force_anon_data_ssl=YES
require_ssl_reuse=YES
ssl_tlsv1=YES
ssl_ciphers=HIGH
rsa_cert_file={certificate}
rsa_private_key_file={key}
"""


def find_vsftpd():
    """The program: installed, or unpacked from its package once per machine; None without both."""
    found = shutil.which("vsftpd", path="/usr/sbin:/usr/bin")
    if found:
        return found
    place = Path(tempfile.gettempdir()) / f"ferryd-vsftpd-{os.getuid()}"
    program = place / "usr/sbin/vsftpd"
    if not program.exists():
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["apt-get", "-q", "download", "vsftpd"], cwd=folder, capture_output=True,
                           check=False)
            for package in Path(folder).glob("vsftpd_*.deb"):
                subprocess.run(["dpkg", "-x", str(package), str(place)], check=True)
    return str(program) if program.exists() else None


class Vsftpd(Server):
    """No MLSD, LIST to the minute, session reuse required. Needs root: it changes its user."""
    path = "/up"

    def __init__(self, folder, tls="explicit", extra="", host="127.0.0.1"):
        super().__init__(folder, tls, host)
        self.user = "anonymous"
        self.program = find_vsftpd()
        root = self.folder / "root"
        self.home = root / "up"
        owner = pwd.getpwnam("daemon")  # its home exists, which vsftpd asks for
        for place in (root, self.home, self.folder / "empty"):
            place.mkdir(exist_ok=True)
        self.folder.chmod(0o755)
        self.folder.parent.chmod(0o755)
        root.chmod(0o555)  # vsftpd refuses a root its user may write to
        os.chown(self.home, owner.pw_uid, owner.pw_gid)
        text = ""
        if self.tls:
            text = VSFTPD_TLS.format(certificate=self.certificate[0], key=self.certificate[1],
                                     implicit="YES" if self.tls == "implicit" else "NO")
        (self.folder / "vsftpd.conf").write_text(VSFTPD_CONFIG.format(
            listen=f"listen=NO\nlisten_ipv6=YES\nlisten_address6={host}" if ":" in host
            else f"listen=YES\nlisten_ipv6=NO\nlisten_address={host}",
            port=self.port, folder=self.folder, root=root, owner="daemon", tls=text,
            extra=extra.replace("{ca}", str(self.ca))))

    def command(self):
        return [self.program, str(self.folder / "vsftpd.conf")]
