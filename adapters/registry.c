#include "adapters/adapter.h"
#include "adapters/endpoint.h"

/* Which adapter carries which protocol: the only place that knows them all. */
const struct adapter *adapter_for(int protocol)
{
	switch (protocol) {
	case PROTOCOL_LOCAL:
		return &adapter_local;
	case PROTOCOL_SFTP:
		return &adapter_sftp;
	case PROTOCOL_FTPS:
	case PROTOCOL_FTP:
		return &adapter_ftps;
	default:
		return NULL;
	}
}

struct endpoint *endpoint_new(const struct config *config, const struct endpoint_config *settings,
                              struct worker *w)
{
	return endpoint_new_with(config, settings, w, adapter_for((int)settings->protocol));
}
