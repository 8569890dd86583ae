# shellcheck shell=sh
# A program that stands in for another writes its name and arguments down; what it does beside that stands below.
printf "%s\n" "$(basename "$0") $*" >> "$STUB/calls"
# A point in the middle of its work: at the one of the number STUB_STOP, all is killed.
half() { echo >> "$STUB/points"; [ "$(wc -l < "$STUB/points")" != "$STUB_STOP" ] || kill -9 0; }
serves() { [ -e "$STUB/serves-$1" ] && ! flock -n "$STUB/serves-$1" true; }
