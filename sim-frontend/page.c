// SPDX-License-Identifier: BSD-2-Clause
#include "page.h"

/* The assembler takes the file as it is, from the root of the tree. */
#define TAKE(name, path)                                   \
	__asm__(".section .rodata\n"                       \
		".global " #name "\n" #name ":\n"          \
		".incbin \"sim-frontend/page/" path "\"\n" \
		".byte 0\n"                                \
		".previous\n")

TAKE(page_html, "page.html");
TAKE(page_css, "page.css");
TAKE(page_model_js, "model.js");
TAKE(page_rings_js, "rings.js");
TAKE(page_view_js, "view.js");
