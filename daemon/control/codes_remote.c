/*
 * Commands at a partner's server, and tunnels through it.
 */
#include "daemon/control/codes.h"

const struct code_text codes_remote[] = {
        {"EXEC-FAILED", ERR_OBJECT,
         "A command at the server ended with another status than 0; the message has its last "
         "words.",
         "The command's own business; 126 and 127 come from the shell: not executable, not found.",
         "Run it by hand with the partner. Before a delivery the file waits and is tried again; "
         "after one the file is there, and only the command is tried again."},
        {"EXEC-SIGNAL", ERR_OBJECT, "A command at the server was killed by a signal.",
         "Out of memory there, an administrator, a limit of the account (CPU time), a crash of "
         "the program.",
         "The partner's system log tells who it was. It is tried again as EXEC-FAILED is."},
        {"EXEC-NO-STATUS", ERR_OBJECT,
         "A command at the server ended and the server told neither an exit status nor a signal: "
         "nobody knows whether it worked, so it counts as failed.",
         "Its shell was killed, or the server ended the session (a restart, a limit of the "
         "account); a restricted shell, an appliance or a server for files only that takes "
         "commands and tells no status.",
         "Run it by hand with the partner: ssh -v shows \"exit-status\" where one comes. Where the "
         "server never tells one, take `commands:` out of the route and let the partner start "
         "the work by itself. It is tried again as EXEC-FAILED is."},
        {"EXEC-TIMEOUT", ERR_OBJECT, "A command at the server had not ended within its `timeout`.",
         "It needs longer; it waits for input that never comes; it left a process behind that "
         "keeps its output open. Or it was not started, because the server had not opened a "
         "channel for it by then.",
         "Raise `timeout`, or let the command send its child's output elsewhere. What was begun "
         "may still run there."},
        {"EXEC-REFUSED", ERR_POLICY, "The server does not run the command; the message tells why.",
         "An account that is limited to SFTP; a variable that AcceptEnv does not name; no session "
         "left (MaxSessions).",
         "Ask the partner to allow it, or take `commands:` out of the route; then ferryctl retry "
         "for a file that is held."},
        {"EXEC-TOO-LONG", ERR_POLICY, "The command with the names put in is longer than 32 KiB.",
         "Very long paths in many words.", "Shorten the command: a script at the partner's end."},
        {"COMMAND-WORD", ERR_POLICY, "A word of `run:` or `env:` cannot be made.",
         "A brace that is none of the known names, or more than 32 KiB.",
         "ferryd --check tells which; {{ and }} are braces."},
        {"TUNNEL-LISTEN", ERR_LOCAL, "This machine cannot listen where a tunnel begins.",
         "The port is used by another program or a second ferryd, the address is none of ours, "
         "ports below 1024 need a capability.",
         "`ss -ltnp` shows who has the port. It is tried again by itself; the endpoint's other "
         "tunnels are not stopped by it."},
        {"TUNNEL-REFUSED", ERR_POLICY, "The server does not carry this tunnel.",
         "AllowTcpForwarding, DisableForwarding, PermitOpen, PermitListen or a `restrict` key "
         "forbid it; with remote_listen the port may be taken at the server.",
         "Ask the partner, or take the tunnel out. With remote_listen it is tried again by "
         "itself; the endpoint's other tunnels are not stopped by it."},
        {"TUNNEL-TARGET", ERR_NETWORK, "What a tunnel leads to cannot be connected to.",
         "The service is down, a wrong host or port in `to`, a firewall behind the server.",
         "Try it from the side that connects: the server for `listen`, this machine for "
         "`remote_listen`."},
        {"TUNNEL-SLOW", ERR_NETWORK,
         "The server had not connected to what a tunnel leads to within timeouts.request, and the "
         "connection that carries it was given up: an opening cannot be taken back.",
         "A host that is switched off or a firewall that drops instead of refusing; a wrong "
         "address in `to`; a service with a full queue.",
         "Try the target from the server. Where it needs longer raise timeouts.request of the "
         "endpoint. The endpoint's other tunnels come back at once, and this one gets a connection "
         "of its own, so that it does not happen to them again."},
        {"TUNNEL-BUSY", ERR_BUSY,
         "A connection through a tunnel was closed because its turn had not come within "
         "timeouts.request; nothing else was harmed.",
         "Connections of one endpoint's tunnels are opened one after another, and the server was "
         "slow to connect to the targets of those before it.",
         "See which target answers slowly. Tunnels to it can have an endpoint of their own, with "
         "the same host: then nobody waits for it."},
        {"TUNNEL-FULL", ERR_BUSY,
         "A tunnel has as many connections as it may; one more was closed.",
         "Clients that do not close theirs, a limit that is too low.",
         "Raise `connections` of the tunnel if the number is right."},
        {"TUNNEL-CUT", ERR_NETWORK, "A connection through a tunnel was cut.",
         "One of its ends broke it, or the server did.", "The program at its end connects again."},
};

const size_t codes_remote_count = sizeof(codes_remote) / sizeof(*codes_remote);
