// SPDX-License-Identifier: BSD-2-Clause
/* Constants that the oldest supported kernel headers (Debian 12: Linux 6.1) lack. Nothing else. */
#ifndef RINGSIDE_COMPAT_H
#define RINGSIDE_COMPAT_H

#ifndef VIRTIO_F_NOTIFICATION_DATA
#define VIRTIO_F_NOTIFICATION_DATA 38
#endif
#ifndef VIRTIO_F_RING_RESET
#define VIRTIO_F_RING_RESET 40
#endif
#ifndef VIRTIO_MMIO_QUEUE_RESET
#define VIRTIO_MMIO_QUEUE_RESET 0x0c0
#endif

#endif
