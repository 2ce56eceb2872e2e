// SPDX-License-Identifier: BSD-2-Clause
/* The version of all of it: the programs tell it, and traces tell who made them. */
#ifndef RINGSIDE_VERSION_H
#define RINGSIDE_VERSION_H

#define RINGSIDE_VERSION "0.1.0"

#endif
