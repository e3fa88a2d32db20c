"""Real sshds for the tests of how a server is reached: what they offer, and from where."""
from lib.keys import make_key, public_key
from lib.proxies import start_proxies
from lib.sshd import Sshd

# name: (lines of sshd_config, kind of the host key[, subsystem])
SET_UPS = {
    "plain": ("", "ed25519"),
    "rsa_only": ("HostKeyAlgorithms rsa-sha2-512,rsa-sha2-256", "rsa"),
    "rsa_old": ("HostKeyAlgorithms ssh-rsa", "rsa"),
    "gcm_only": ("Ciphers aes128-gcm@openssh.com,aes256-gcm@openssh.com", "ed25519"),
    "etm_only": ("Ciphers aes128-ctr,aes256-ctr\n"
                 "MACs hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com", "ed25519"),
    "cbc_only": ("Ciphers aes256-cbc", "ed25519"),
    "aes256_only": ("Ciphers aes256-ctr", "ed25519"),
    "sha1_mac": ("Ciphers aes128-ctr\nMACs hmac-sha1", "ed25519"),
    "group14_sha1": ("KexAlgorithms diffie-hellman-group14-sha1", "ed25519"),
    "compressing": ("Compression delayed", "ed25519"),
    "not_compressing": ("Compression no", "ed25519"),
    "rekeying": ("RekeyLimit 1M", "ed25519"),
    "cat": ("", "ed25519", "/bin/cat"),
    "bastion": ("", "ed25519"),
    "inner": ("PermitOpen any", "ed25519"),
    "doomed": ("", "ed25519"),
    "no_forward": ("AllowTcpForwarding no", "ed25519"),
    "permit_other": ("PermitOpen 127.0.0.1:1", "ed25519"),
    "one_session": ("MaxSessions 1", "ed25519"),
}


def start_reach(folder, names, started):
    """Returns the servers by name."""
    keys = folder / "keys"
    keys.mkdir(exist_ok=True)
    key = make_key(keys / "reach")
    servers = {}
    start_proxies(names)
    for name, (extra, kind, *subsystem) in SET_UPS.items():
        server = Sshd(folder / name, *(subsystem or ["internal-sftp"]), extra, kind)
        (server.folder / "authorized_keys").write_text(public_key(key) + "\n")
        server.start()
        started.append(server.kill)
        names[name] = server.port
        servers[name] = server
    return servers
