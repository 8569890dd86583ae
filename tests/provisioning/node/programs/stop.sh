# shellcheck shell=bash
# Each script reads this first: there is a point before each of its commands, in functions and subshells too.
set -o functrace
trap 'echo >> "$STUB/points"; mapfile -t < "$STUB/points"; ((${#MAPFILE[@]} != STUB_STOP)) || kill -9 0' DEBUG
