"""The one way in which the tests' SSH servers of asyncssh listen.

asyncssh puts a server's options together anew at each login, on a thread beside its loop, and with
them the name that Kerberos would know this machine by: its own full name, from DNS. The answer to
the login waits for that. On a machine whose name is not in /etc/hosts (a fresh chroot, a container)
one lost datagram is five seconds of silence, which a test takes for a server that hangs.
"""
import asyncssh


async def listen(port, **options):
    return await asyncssh.listen("127.0.0.1", port, gss_host=None, **options)
