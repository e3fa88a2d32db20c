/* Codes about the way to a server: jump hosts and proxies (codes.h). */
#include "daemon/control/codes.h"

const struct code_text codes_reach[] = {
        {"PROXY-AUTH", ERR_AUTH, "The proxy wants a login, or refused ours.",
         "No user and password in `proxy:`, wrong ones, a proxy that asks for a login that is not "
         "spoken here (NTLM, Kerberos).",
         "Correct user and password of `proxy:`, then ferryctl retry; where the proxy speaks "
         "something else, ask its operator for a rule by address, or use `proxy: {command: ...}`."},
        {"PROXY-COMMAND", ERR_NETWORK,
         "The program of `proxy: {command: ...}` could not be started, or ended by itself.",
         "A path that is not there, a program that needs a terminal or a home directory, a network "
         "that is down for it too; its last words are in the message.",
         "Run it by hand as the service's user, with the host and port of the endpoint; correct "
         "the "
         "path or the arguments."},
        {"PROXY-DOWN", ERR_NETWORK, "The proxy itself cannot be reached.",
         "It is down, or host or port of `proxy:` are wrong.",
         "Check host and port of `proxy:` and try `nc -vz HOST PORT`; ask the proxy's operator."},
        {"PROXY-LOST", ERR_NETWORK, "The proxy hung up before the way to the server was free.",
         "It does not accept our address, is overloaded, or is no proxy.",
         "Ask the proxy's operator for its log; check port and kind of `proxy:`."},
        {"PROXY-PROTOCOL", ERR_PROTOCOL, "What answers is no proxy of the kind that is configured.",
         "socks5 and http mixed up, the port of another service.",
         "Correct kind, host and port of `proxy:`; the message has the first bytes."},
        {"PROXY-REFUSED", ERR_CONFIG, "The proxy's rules do not allow the connection.",
         "Many proxies allow port 443 only, or a list of hosts.",
         "Ask the proxy's operator to allow the host and port that the message names."},
        {"PROXY-TIMEOUT", ERR_NETWORK, "The proxy did not answer within timeouts.connect.",
         "A proxy that waits for the server, which does not answer it; an HTTP proxy that is "
         "spoken "
         "to as socks5, or the reverse.",
         "Check the kind of `proxy:`; raise timeouts.connect where the way is just slow; ask the "
         "proxy's operator."},
        {"PROXY-UNREACHABLE", ERR_NETWORK, "The proxy cannot reach the server.",
         "The server is down, its name is unknown to the proxy (it looks it up by itself), a "
         "firewall behind the proxy.",
         "Check host and port of the endpoint as the proxy must use them; ask the proxy's operator "
         "for its log."},
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
