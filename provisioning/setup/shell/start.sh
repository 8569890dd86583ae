# shellcheck shell=sh disable=SC2154,SC2086 # jobs.py puts the words in front, and $old is several
if [ "$(cat key 2>/dev/null)" = "$key" ]; then
  if [ "$rerun" = no ] && [ "$(cat rc 2>/dev/null)" = 0 ]; then echo ended; exit 0; fi
  if [ "$held" = yes ] && [ ! -f rc ]; then echo running; exit 0; fi
fi
# The old job's family is its session and whatever descends from it, in sessions of their own too (sudo's, uv's).
family() {
  ps -A -o pid= -o ppid= -o pgid= -o sess= -o stat= | awk -v top="$(cat pid)" '
    $5 !~ /^Z/ { parent[$1] = $2; if ($1 == top || $3 == top || $4 == top) of[$1] }
    END {
      do { more = 0; for (p in parent) if (!(p in of) && parent[p] in of) { of[p]; more = 1 } } while (more)
      for (p in of) print p
    }'
}
alive() { ! flock -n 9 || ps -o stat= -p "$(echo $old | tr " " ,)" 2>/dev/null | grep -q "^[^Z]"; }
old=
if [ "$held" = yes ]; then
  for signal in TERM KILL; do
    alive || break
    old="$old $(family)"
    # What sudo started is root's; a rehearsed machine has none of that.
    kill -s $signal $old 2>/dev/null || [ -n "${REHEARSAL_MACHINE:-}" ] ||
      sudo -n kill -s $signal $old >/dev/null 2>&1
    tries=0
    while alive && [ $tries -lt "$grace" ]; do sleep 0.1; tries=$((tries + 1)); done
  done
  if alive; then
    echo "what an earlier $job started does not end. On the machine: fuser -k $job/lock; if that fails too, reboot it"
    exit 75
  fi
fi
rm -f rc && echo "$key" > key && : > log
setsid sh -c "$wrapped" >> log 2>&1 < /dev/null 8>&- &
echo $! > pid
echo running
