// SPDX-License-Identifier: BSD-2-Clause
#include "err.h"
#include <stdarg.h>
#include <stdio.h>

int err_set(char err[ERR_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, ERR_MAX, fmt, ap);
	va_end(ap);
	return -1;
}
