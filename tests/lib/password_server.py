"""An SSH server that asks for passwords, which sshd would take from the system's accounts."""
import asyncio
import threading

import asyncssh

from lib.processes import free_port
from lib.ssh_listen import listen


class Judge(asyncssh.SSHServer):
    def __init__(self, owner):
        self.owner = owner

    def begin_auth(self, username):
        return True

    def password_auth_supported(self):
        return True

    def validate_password(self, username, password):
        self.owner.attempts.append((username, password))
        return password == self.owner.password


class PasswordServer:
    """with PasswordServer(folder, "secret") as s: s.port, s.user, s.attempts, s.host_key_line"""

    def __init__(self, home, password, judge=Judge):
        self.home = home
        self.password = password
        self.judge = judge
        self.user = "partner"
        self.attempts = []
        self.port = free_port()
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    @property
    def known_hosts_line(self):
        return f"[127.0.0.1]:{self.port} {self.key.export_public_key().decode().strip()}\n"

    def run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self.listen())
        self.ready.set()
        self.loop.run_forever()

    async def listen(self):
        root = str(self.home).encode()
        self.server = await listen(
            self.port, server_host_keys=[self.key], server_factory=lambda: self.judge(self),
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=root))

    def __enter__(self):
        self.thread.start()
        assert self.ready.wait(20), "the password server does not start"
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self.close(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    async def close(self):
        self.server.close()
        await self.server.wait_closed()
        for task in asyncio.all_tasks(self.loop) - {asyncio.current_task()}:
            task.cancel()
