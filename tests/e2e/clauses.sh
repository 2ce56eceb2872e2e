#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# ringside clauses: the sums are those of the rows; one clause is told in full; mistakes are told with status 2.
# Prints `PASS name` or `FAIL name: why`; RINGSIDE names another program than build/plain/ringside.
set -u
cd "$(dirname "$0")/../.." || exit 1
ringside=${RINGSIDE:-build/plain/ringside}
prefix=clauses-
. tests/report.sh
[ -x "$ringside" ] || { fail program "no $ringside: make all"; exit 1; }

# area clauses checked tested vacuous not-yet: what the rows add up to
sums=$(for area in basic split packed mmio block entropy console network; do
	"$ringside" clauses --list $area | awk -v area=$area '
		{ n++; for (i = 2; i <= NF; i++) if ($i ~ /^(checked|tested|vacuous|not)$/) { how[$i]++; break } }
		END { printf "%s %d %d %d %d %d\n", area, n, how["checked"], how["tested"], how["vacuous"], how["not"] }'
done)
told=$("$ringside" clauses | awk '/^(basic|split|packed|mmio|block|entropy|console|network) / { $1 = $1; print }')
if [ "$sums" = "$told" ] && [ -n "$told" ]; then pass sums; else fail sums "$told against $sums"; fi

one=$("$ringside" clauses --id split.desc.2)
if grep -q 'MUST NOT' <<<"$one" && grep -q 'The Virtqueue Descriptor Table' <<<"$one" && grep -q 'checked *ownership' <<<"$one"; then
	pass id
else
	fail id "$one"
fi
if "$ringside" clauses --id drv.status.2 | grep -q 'binds the driver'; then pass driver; else fail driver "drv.status.2 is not told"; fi

refused() { refused_by "$1" "$2" "$ringside" clauses "${@:3}"; }
refused area 'no such area: disk' disk
refused no-id 'no such clause in the table: blk.op.99' --id blk.op.99
refused id-and-area 'leave out split' --id blk.op.3 split
refused areas 'one argument too many' basic split
exit $failures
