/* Codes about the way to a server: jump hosts (codes.h). */
#include "daemon/control/codes.h"

const struct code_text codes_reach[] = {
        {"SSH-VIA-LOST", ERR_NETWORK, "The connection to a jump host of `via:` was lost.",
         "The jump host was restarted, its network failed, or it closes idle connections.",
         "It is tried again. Where it repeats, ask the jump host's operator; the message names it. "
         "A shorter `keepalive:` of the endpoint keeps firewalls on the way from forgetting it."},
        {"SSH-VIA-REFUSED", ERR_CONFIG,
         "The jump host let us log in, but does not connect us on to the next host.",
         "AllowTcpForwarding or PermitOpen in its sshd_config, no-port-forwarding, restrict or "
         "permitopen in authorized_keys, a limit on channels.",
         "Ask the jump host's operator to allow our user to be connected to the host and port that "
         "the message names."},
        {"SSH-VIA-UNREACHABLE", ERR_NETWORK,
         "The jump host cannot reach the next host: it is refused, gets no answer, or does not "
         "know "
         "the name.",
         "The server is down, host or port are not those that the jump host must use (it looks the "
         "name up by itself), a firewall behind it.",
         "Log in to the jump host and try `nc -vz HOST PORT` there; correct `host:` or `port:` of "
         "the endpoint that is named last."},
};
const size_t codes_reach_count = sizeof(codes_reach) / sizeof(codes_reach[0]);
