#include "daemon/store/steps.h"

#define STEP_ALLOW(from, to, by) [from][to] = true,
static const bool job_steps[JOB_STATE_COUNT][JOB_STATE_COUNT] = {JOB_STEPS(STEP_ALLOW)};
static const bool delivery_steps[DELIVERY_STATE_COUNT][DELIVERY_STATE_COUNT] = {
        DELIVERY_STEPS(STEP_ALLOW)};
#undef STEP_ALLOW

bool job_step_is_legal(enum job_state from, enum job_state to)
{
	return job_steps[from][to];
}

bool delivery_step_is_legal(enum delivery_state from, enum delivery_state to)
{
	return delivery_steps[from][to];
}
