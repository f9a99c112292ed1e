#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# run.sh LOG-DIRECTORY JOBS CHECK... -- makes each check-CHECK, shows what fails, ends with the sum.
set -euo pipefail

out=$1
jobs=$2
shift 2
mkdir -p "$out"

read -r -a make <<<"${MAKE:-make}"
unset MAKEFLAGS MFLAGS MAKELEVEL
passed=0
failed=()
for check in "$@"; do
	log=$out/$check.log
	start=$SECONDS
	if "${make[@]}" --no-print-directory -k -j "$jobs" "check-$check" >"$log" 2>&1; then
		passed=$((passed + 1))
		printf 'ok      %-10s %4d s\n' "$check" $((SECONDS - start))
	else
		failed+=("$check")
		grep -vE '^  [A-Z]+ +[^ ]+$' "$log" | sed 's/^/        /' || true
		printf 'FAILED  %-10s %4d s, above and in %s\n' "$check" $((SECONDS - start)) "$log"
	fi
done

echo "check: $passed checks passed, ${#failed[@]} failed${failed[*]:+: ${failed[*]}}"
((${#failed[@]} == 0))
