"""A server whose commands end as their own words say: told or not told, in any order.

A command is steps with "; " between them, whatever stands before the last word of the shell's line:

    say WORDS, complain WORDS    to standard output, to standard error
    status N, signal NAME        what became of it
    first status N               the same, of the first command of this connection
    broken status|signal         without the number; with a name longer than the packet
    nap                          a moment
    await, go                    until another command says go
    slow SECONDS                 each channel of this connection is opened so late, from now on
    eof, close

A command that does not close goes on.
"""
import asyncio
import shlex

import asyncssh
from asyncssh.connection import SSHServerConnection
from asyncssh.constants import MSG_CHANNEL_REQUEST
from asyncssh.packet import Boolean, String, UInt32


class Conversation:
    """The commands of one connection."""

    def __init__(self):
        self.first = None
        self.gone = asyncio.Event()
        self.delay = 0

    async def run(self, process):
        channel = process.channel
        number = channel._send_chan  # the client's
        self.first = number if self.first is None else self.first
        words = shlex.split(process.command)
        if words[0] == "echo":  # ferryd asks so whether commands are run at all
            words = [f"say {words[1]}; status 0; close"]
        for step in words[-1].split("; "):
            await self.step(process, number, *step.split(" ", 1))

    async def step(self, process, number, verb, rest=""):
        channel = process.channel
        if verb == "say":
            process.stdout.write(rest + "\n")
        elif verb == "complain":
            process.stderr.write(rest + "\n")
        elif verb in ("status", "signal"):
            self.tell(channel, number, verb, rest)
        elif verb == "first":
            self.tell(channel, self.first, *rest.split())
        elif verb == "broken":
            self.request(channel, number, f"exit-{rest}", *([UInt32(60000), b"KILL"] if rest == "signal" else []))
        elif verb == "nap":
            await asyncio.sleep(0.3)
        elif verb == "await":
            await self.gone.wait()
        elif verb == "go":
            self.gone.set()
        elif verb == "slow":
            self.delay = int(rest)
        elif verb == "eof":
            channel.write_eof()
        elif verb == "close":
            channel.close()
        else:
            raise ValueError(verb)

    def tell(self, channel, number, verb, what):
        if verb == "status":
            self.request(channel, number, "exit-status", UInt32(int(what)))
        else:
            self.request(channel, number, "exit-signal", String(what), Boolean(False), String(""), String(""))

    @staticmethod
    def request(channel, number, kind, *parts):
        connection = channel.get_extra_info("connection")
        connection.send_packet(MSG_CHANNEL_REQUEST, UInt32(number), String(kind), Boolean(False), *parts)


class AnyKey(asyncssh.SSHServer):
    def public_key_auth_supported(self):
        return True

    def validate_public_key(self, username, key):
        return True


def process_factory():
    """For asyncssh: one conversation for each connection."""
    conversations = {}
    open_session = SSHServerConnection._process_session_open

    def conversation(connection):
        return conversations.setdefault(connection, Conversation())

    async def later(delay, session):
        await asyncio.sleep(delay)
        return session

    def open_slowly(connection, packet):
        channel, session = open_session(connection, packet)
        return channel, later(conversation(connection).delay, session)

    async def serve(process):
        await conversation(process.get_extra_info("connection")).run(process)

    SSHServerConnection._process_session_open = open_slowly
    return serve
