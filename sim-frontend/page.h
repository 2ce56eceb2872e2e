// SPDX-License-Identifier: BSD-2-Clause
/* page: the files of sim-frontend/page/, within the program, as strings. */
#ifndef RINGSIDE_PAGE_H
#define RINGSIDE_PAGE_H

extern const char page_html[]; /* up to the scripts; a line "%css" stands for the style sheet */
extern const char page_css[];
extern const char page_model_js[], page_rings_js[], page_view_js[];

#endif
