"""SSH keys for tests, made by ssh-keygen."""
import subprocess
from pathlib import Path


def make_key(path, kind="ed25519", passphrase="", pem=False):
    """Writes PATH and PATH.pub, returns the path."""
    path = Path(path)
    command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "", "-f", str(path)]
    if pem:
        command += ["-m", "PEM"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


def public_key(path):
    """The first two fields of PATH.pub: type and base64."""
    return " ".join(Path(f"{path}.pub").read_text().split()[:2])


def fingerprint(path):
    """SHA256:… of PATH.pub."""
    run = subprocess.run(["ssh-keygen", "-l", "-f", f"{path}.pub"], check=True,
                         capture_output=True, text=True)
    return run.stdout.split()[1]
