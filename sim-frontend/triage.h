// SPDX-License-Identifier: BSD-2-Clause
/*
 * triage: many failing programs, put into buckets: one for each check that fails (trial.h). Of a bucket the
 * shortest program is made shorter still and written out with a page that tells what to do with it.
 */
#ifndef RINGSIDE_TRIAGE_H
#define RINGSIDE_TRIAGE_H

#include "program_text.h"
#include "trial.h"

struct triage_file {
	char *path;
	uint32_t nops;
	bool unsaved; /* fails without its saves only, as fuzzers run most programs: a save may mend what is wrong */
	enum oracle_kind found; /* the listing's */
};

struct bucket {
	struct outcome verdict; /* of the shortest */
	struct triage_file *file;
	uint32_t nfiles, shortest;
	char name[64]; /* what it is called in the file system */
};

struct triage {
	struct program_text_options
		bytes; /* how a file that is no text is to be read; nobody told: as its folder is called */
	struct trials *trials;
	struct bucket *bucket;
	uint32_t nbuckets, nfiles;
	uint32_t nsilent;   /* files that fail nowhere */
	uint32_t nunsteady; /* that fail differently each time */
	uint32_t nunusable; /* that are no programs, said so on standard error */
	bool broken;        /* no memory */
};

/* Reads a program: text where the name ends in .txt, the text beside a recording where it ends in .vtrace, bytes
 * else; those are about the device that the options or the name of the file's folder tells. False: err tells. */
bool triage_read(struct listing *, const char *path, const struct program_text_options *, char *err,
		 size_t max);
/* Takes the saves out of a program. False: it has none. */
bool triage_unsave(struct listing *);
/* A file, or all files of a folder but hidden ones and README.txt. */
void triage_add(struct triage *, const char *path);
/* Those with most files first, and gives them names. */
void triage_sort(struct triage *);
void triage_free(struct triage *);

struct shrink;

/* triage_report.c: OUT/NAME/report.md. shrunk: the program whose text is BASE.txt. False: err tells. */
bool triage_report(const struct bucket *, const struct shrink *shrunk, const char *folder, bool recorded,
		   char *err, size_t max);

#endif
