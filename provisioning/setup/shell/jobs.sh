# shellcheck shell=sh disable=SC2154,SC2016 # lab/proof.py says how many lines of a log count; another shell reads $0
# What each job of set-up came to, as `job NAME STATE CODE SECONDS`, then its own reports, and the end of the log of one that
# has not ended well.
cd "$HOME/.serving-labs/jobs" 2> /dev/null || exit 0
for name in *; do
  [ -f "$name/key" ] || continue
  began=$(stat -c %Y "$name/key")
  if [ -f "$name/rc" ]; then
    state=ended
    code=$(cat "$name/rc")
    ended=$(stat -c %Y "$name/rc")
  else
    # Under the lock of whoever starts a job, who would take a moment's look for a job that runs.
    state=$(flock -w 5 "$name/turn" sh -c 'if flock -n "$0/lock" true; then echo lost; else echo running; fi' "$name")
    code=-
    ended=$(date +%s)
    if [ "$state" != running ]; then ended=$(stat -c %Y "$name/log"); fi
  fi
  echo "job $name ${state:-unclear} $code $((ended - began))"
  grep '^report ' "$name/log"
  if [ "$code" != 0 ]; then tail -n "$lines" "$name/log" | cut -c 1-300 | sed 's/^/| /'; fi
done
exit 0
