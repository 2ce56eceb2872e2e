// SPDX-License-Identifier: BSD-2-Clause
/*
 * written: MSan's view of bytes. libzstd comes without its instrumentation, so what that wrote must be
 * declared written; and what a device gives to its guest must all have been written (P21: a byte of our stack
 * must not cross).
 */
#ifndef RINGSIDE_WRITTEN_H
#define RINGSIDE_WRITTEN_H

#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#include <sanitizer/msan_interface.h>
#define WRITTEN(p, n)       __msan_unpoison(p, n)
#define CHECK_WRITTEN(p, n) __msan_check_mem_is_initialized(p, n)
#endif
#endif
#ifndef WRITTEN
#define WRITTEN(p, n)       ((void)0)
#define CHECK_WRITTEN(p, n) ((void)0)
#endif

#endif
