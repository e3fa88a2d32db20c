/*
 * Force-included into every file: functions that are wrong more often than right.
 */
#pragma once
#ifndef __cplusplus
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
/* macros where clang fortifies them; a macro cannot be poisoned */
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat sprintf vsprintf gets strtok atoi atol atoll gmtime localtime \
	tmpnam mktemp system popen
#endif
