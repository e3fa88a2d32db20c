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
        {"EXEC-TIMEOUT", ERR_OBJECT, "A command at the server had not ended within its `timeout`.",
         "It needs longer; it waits for input that never comes; it left a process behind that "
         "keeps its output open.",
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
};

const size_t codes_remote_count = sizeof(codes_remote) / sizeof(*codes_remote);
