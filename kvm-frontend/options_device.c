// SPDX-License-Identifier: BSD-2-Clause
/* The options that make a device: what stands before the commas, and the words behind them. */
#define _GNU_SOURCE /* memrchr */
#include <linux/virtio_config.h>
#include <string.h>
#include "compat.h"
#include "devices/blk.h"
#include "options_int.h"

/*
 * What a device offers beyond its type's own features. On by default is what helps drivers that know it and
 * costs no others anything. Off: in_order, since a slow request would hold up the answers to quick ones;
 * notification_data, since KVM can not match such kicks and each would leave the guest for us; platform,
 * which makes drivers place buffers by a DMA interface, for guests that share only a part of their memory.
 */
static const struct feature {
	const char *name;
	uint64_t bits;
	bool on;
} features[] = {
	{"packed", 1ull << VIRTIO_F_RING_PACKED, true},
	{"ring_reset", 1ull << VIRTIO_F_RING_RESET, true},
	{"in_order", 1ull << VIRTIO_F_IN_ORDER, false},
	{"notification_data", 1ull << VIRTIO_F_NOTIFICATION_DATA, false},
	{"platform", 1ull << VIRTIO_F_ACCESS_PLATFORM | 1ull << VIRTIO_F_ORDER_PLATFORM, false},
};
#define FEATURES_LEN (sizeof(features) / sizeof(features[0]))

uint64_t options_default_offer(void)
{
	uint64_t offer = 0;

	for (size_t i = 0; i < FEATURES_LEN; i++)
		offer |= features[i].on ? features[i].bits : 0;
	return offer;
}

static bool is_word(const char *text, size_t len, const char *word)
{
	return len == strlen(word) && !strncmp(text, word, len);
}

int options_feature(const char *text, size_t len, uint64_t *offer)
{
	const char *is = memchr(text, '=', len);

	for (size_t i = 0; is && i < FEATURES_LEN; i++) {
		size_t left = len - (size_t)(is + 1 - text);

		if (!is_word(text, (size_t)(is - text), features[i].name))
			continue;
		if (is_word(is + 1, left, "on"))
			*offer |= features[i].bits;
		else if (is_word(is + 1, left, "off"))
			*offer &= ~features[i].bits;
		else
			return -1;
		return 1;
	}
	return 0;
}

#define QUEUES "queues="

static bool is_queues(const char *word, size_t len)
{
	return len >= strlen(QUEUES) && !strncmp(word, QUEUES, strlen(QUEUES));
}

static bool is_disk_word(const char *word, size_t len)
{
	uint64_t ignored;

	return is_word(word, len, "ro") || is_queues(word, len) || options_feature(word, len, &ignored);
}

static int parse_disk_word(struct option_disk *disk, const char *word, size_t len, char err[ERR_MAX])
{
	size_t queues = strlen(QUEUES);

	if (is_word(word, len, "ro"))
		disk->readonly = true;
	else if (is_queues(word, len) &&
		 !options_count(word + queues, len - queues, BLK_QUEUES_MAX, &disk->queues))
		return err_set(err, "--disk: %.*s: a disk has 1 to %d queues, such as queues=2", (int)len,
			       word, BLK_QUEUES_MAX);
	else if (!is_queues(word, len) && options_feature(word, len, &disk->offer) < 0)
		return err_set(err, "--disk: %.*s: a feature is on or off, such as packed=off", (int)len,
			       word);
	return 0;
}

/*
 * Takes the words that are ours off the end of FILE,word,word; what is left is the file's name, which may
 * have commas, too. The later one of two that disagree counts, as the words are read in their order once
 * their begin is known.
 */
static int parse_disk_words(struct option_disk *disk, const char *text, size_t *len, char err[ERR_MAX])
{
	size_t at = *len, end = *len;

	for (;;) {
		const char *comma = memrchr(text, ',', at);
		size_t word = comma ? (size_t)(comma + 1 - text) : 0;

		if (!comma || !is_disk_word(comma + 1, at - word))
			break;
		at = word - 1;
	}
	*len = at;
	while (at < end) {
		const char *word = text + at + 1;
		size_t n = strcspn(word, ",");

		if (parse_disk_word(disk, word, n, err))
			return -1;
		at += n + 1;
	}
	return 0;
}

int options_disk(struct options *o, const char *text, char err[ERR_MAX])
{
	size_t len = strlen(text);
	struct option_disk *disk;

	if (o->disk_count == OPTIONS_DISKS_MAX)
		return err_set(err,
			       "--disk: too many: each device has an interrupt of its own, and there are %d",
			       OPTIONS_DISKS_MAX);
	disk = &o->disks[o->disk_count];
	disk->offer = options_default_offer();
	if (parse_disk_words(disk, text, &len, err))
		return -1;
	if (len == 0 || len >= sizeof(disk->path))
		return err_set(err, "--disk: %s; write --disk FILE or --disk FILE,ro",
			       len ? "the file name is too long" : "the file name is missing");
	memcpy(disk->path, text, len);
	disk->path[len] = 0;
	o->disk_count++;
	return 0;
}

int options_rng(struct options *o, const char *text, char err[ERR_MAX])
{
	o->rng = true;
	o->rng_offer = options_default_offer();
	while (text) {
		size_t n = strcspn(text, ",");

		if (options_feature(text, n, &o->rng_offer) <= 0)
			return err_set(err, "--rng: %.*s is no feature that is on or off, such as packed=off",
				       (int)n, text);
		text = text[n] ? text + n + 1 : NULL;
	}
	return 0;
}
