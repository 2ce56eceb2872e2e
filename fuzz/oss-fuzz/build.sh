#!/bin/bash -eu
# SPDX-License-Identifier: BSD-2-Clause
# What the image of OSS-Fuzz runs: the same as ClusterFuzzLite, from the sources that were fetched.
exec "$SRC/ringside/.clusterfuzzlite/build.sh"
