"""A real sshd of our own: own host key, own user key, a free port of the loopback, killable."""
import getpass
import os
import shutil
import socket
import subprocess
from pathlib import Path

from lib.keys import make_key, public_key
from lib.processes import free_port, kill_tree
from lib.wait import wait_for

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
PRIVSEP = Path("/run/sshd")

# SHLVL: with it bash leaves out ~/.bashrc, which is not the tests' and may take long or fail.
CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
UsePAM {pam}
UseDNS no
SetEnv SHLVL=1
LogLevel VERBOSE
MaxStartups 100:30:200
{penalties}
Subsystem sftp {subsystem}
{extra}
"""


class Sshd:
    """
    sshd = Sshd(folder); sshd.start()
    sshd.user, sshd.port, sshd.user_key, sshd.known_hosts    what a client needs
    sshd.home                                              where tests keep the partner's files
    sshd.kill(); sshd.start()                               the same server again, same port
    """

    def __init__(self, folder, subsystem="internal-sftp", extra="", host_key="ed25519"):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.home = self.folder / "home"
        self.home.mkdir(exist_ok=True)
        self.user = getpass.getuser()
        self.port = free_port()
        self.process = None
        self.log = self.folder / "sshd.log"
        self.known_hosts = self.folder / "known_hosts"
        self.host_key = make_key(self.folder / "host_key", host_key)
        self.user_key = make_key(self.folder / "user_key")
        (self.folder / "authorized_keys").write_text(public_key(self.user_key) + "\n")
        self.write_known_hosts()
        self.configure(subsystem, extra)

    def write_known_hosts(self):
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {public_key(self.host_key)}\n")

    def configure(self, subsystem="internal-sftp", extra=""):
        """Takes effect with the next start."""
        if os.geteuid() == 0:
            PRIVSEP.mkdir(mode=0o755, exist_ok=True)
        text = CONFIG.format(port=self.port, folder=self.folder, subsystem=subsystem, extra=extra,
                             pam="yes" if root_is_locked() else "no",
                             penalties=penalties())
        (self.folder / "sshd_config").write_text(text)

    def authorize(self, key):
        with open(self.folder / "authorized_keys", "a", encoding="ascii") as f:
            f.write(public_key(key) + "\n")

    def make_folder(self, name):
        """A directory for the partner's files: (where it lies here, its path at the server)."""
        here = self.home / name
        here.mkdir()
        return here, str(here)

    def endpoint(self, **more):
        """The configuration that reaches it with its own key."""
        return {"protocol": "sftp", "host": "127.0.0.1", "port": self.port, "user": self.user,
                "auth": [{"publickey": {"key": str(self.user_key)}}],
                "host_key": {"known_hosts": str(self.known_hosts)}, **more}

    def command(self):
        return [SSHD, "-D", "-e", "-f", str(self.folder / "sshd_config")]

    def start(self):
        assert self.process is None
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True)
        wait_for(self.answers, lambda: f"sshd on port {self.port}\n{self.log_text()}", 20)
        return self

    def answers(self):
        assert self.process.poll() is None, f"sshd ended:\n{self.log_text()}"
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as s:
                return s.recv(4) == b"SSH-"
        except OSError:
            return False

    def kill(self):
        """The machine is gone: listener and all sessions at once."""
        if self.process:
            kill_tree(self.process)
            self.process = None

    stop = kill

    def restart(self):
        self.kill()
        return self.start()

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""


def root_is_locked():
    """sshd without PAM refuses an account whose password field begins with '!'."""
    if os.geteuid() != 0:
        return False
    for line in Path("/etc/shadow").read_text().splitlines():
        if line.startswith("root:"):
            return line.split(":")[1].startswith("!")
    return False


def penalties():
    """OpenSSH 9.8 and later slows down sources that fail; a test fails on purpose."""
    version = subprocess.run([SSHD, "-V"], capture_output=True, text=True).stderr
    return "PerSourcePenalties no" if version.startswith(("OpenSSH_9.8", "OpenSSH_9.9", "OpenSSH_1")) else ""
