// SPDX-License-Identifier: BSD-2-Clause
/* written: libzstd comes without MSan's instrumentation, so what it wrote must be declared written. */
#ifndef RINGSIDE_WRITTEN_H
#define RINGSIDE_WRITTEN_H

#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#include <sanitizer/msan_interface.h>
#define WRITTEN(p, n) __msan_unpoison(p, n)
#endif
#endif
#ifndef WRITTEN
#define WRITTEN(p, n) ((void)0)
#endif

#endif
