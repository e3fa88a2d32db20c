"""A real sshd that asks PAM, with accounts and PAM rules of its own, so that the system's stay as they are.

Its mount namespace has other files bound over /etc/passwd, /etc/shadow and /etc/pam.d/sshd. Root only.
"""
import base64
import os
import shutil
import subprocess
from pathlib import Path

from lib.sshd import SSHD, Sshd, penalties

AUTHENTICATOR = ("/lib/x86_64-linux-gnu/security/pam_google_authenticator.so",
                 "/lib/aarch64-linux-gnu/security/pam_google_authenticator.so")
TOTP_SECRET = base64.b32encode(b"0123456789abcdef").decode().rstrip("=")

CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
PasswordAuthentication {password}
KbdInteractiveAuthentication {keyboard}
AuthenticationMethods {methods}
PermitRootLogin yes
UsePAM yes
UseDNS no
SetEnv SHLVL=1
LogLevel VERBOSE
{penalties}
Subsystem sftp internal-sftp
"""

UNIX = "auth requisite pam_unix.so"
CODE = "auth required pam_google_authenticator.so secret={folder}/authenticator user=root no_increment_hotp"


def why_not():
    """A reason to skip, or None."""
    if os.geteuid() != 0:
        return "needs root, for a mount namespace"
    if not shutil.which("unshare") or subprocess.run(
            ["unshare", "-m", "true"], capture_output=True, check=False).returncode != 0:
        return "no mount namespaces here"
    return None


def has_authenticator():
    return any(Path(p).exists() for p in AUTHENTICATOR)


class PamSshd(Sshd):
    """
    PamSshd(folder, methods="publickey,keyboard-interactive", asks=[CODE]).start()

    The user is "ferry" with this password; `asks` are the lines of its PAM service that authenticate.
    """

    def __init__(self, folder, methods="any", asks=(UNIX,), password="pass word", expired=False):
        self.methods, self.asks = methods, asks
        super().__init__(folder)
        self.user = "ferry"
        self.write_accounts(password, expired)
        (self.folder / "pam").write_text("".join(
            f"{line.format(folder=self.folder)}\n"
            for line in (*asks, "account required pam_unix.so", "password required pam_unix.so",
                         "session required pam_permit.so")))
        secret = self.folder / "authenticator"
        secret.write_text(f'{TOTP_SECRET}\n" RATE_LIMIT 20 30\n" WINDOW_SIZE 3\n" DISALLOW_REUSE\n" TOTP_AUTH\n')
        secret.chmod(0o600)

    def write_accounts(self, password, expired=False):
        """User ferry is root by another name: its files lie below a folder of root's."""
        run = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=password + "\n", text=True,
                             check=True, capture_output=True)
        (self.folder / "passwd").write_text(
            Path("/etc/passwd").read_text() + f"ferry:x:0:0::{self.home}:/bin/sh\n")
        shadow = self.folder / "shadow"
        shadow.write_text(Path("/etc/shadow").read_text()
                          + f"ferry:{run.stdout.strip()}:{0 if expired else 19000}:0:99999:7:::\n")
        shadow.chmod(0o600)

    def configure(self, subsystem="internal-sftp", extra=""):
        wanted = self.methods.replace("any", "password,keyboard-interactive")
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        (self.folder / "sshd_config").write_text(CONFIG.format(
            port=self.port, folder=self.folder, methods=self.methods, penalties=penalties(),
            password="yes" if "password" in wanted else "no",
            keyboard="yes" if "keyboard" in wanted else "no"))

    def command(self):
        bind = "".join(f"mount --bind {self.folder}/{mine} {theirs}; " for mine, theirs in (
            ("passwd", "/etc/passwd"), ("shadow", "/etc/shadow"), ("pam", "/etc/pam.d/sshd")))
        return ["unshare", "-m", "--propagation", "private", "sh", "-e", "-c",
                f"{bind}exec {SSHD} -D -e -f {self.folder}/sshd_config"]

    def failures(self):
        """How often it refused something, by its log."""
        return self.log_text().count("Failed ")
