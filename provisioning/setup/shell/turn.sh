# shellcheck shell=sh disable=SC2154,SC2086 # chameleon/shells.py puts the words in front, and a file `command` beside this one
# One turn of a command that may outlast the service's patience: starts it unless an earlier turn did, waits a moment, and
# says how it stands. Every turn is the same call, so one whose answer was lost is simply asked again.
here=${0%/*}
if [ "${1-}" = inside ]; then
  # The first of several turns runs it; the others find this folder.
  mkdir "$here/begun" 2> /dev/null || exit 0
  # The image may start in a subfolder; SSH starts in the home, and the steps count on it.
  cd "$HOME" || exit
  # A small image may lack `timeout`.
  limited=
  if command -v timeout > /dev/null; then limited="timeout $limit_s"; fi
  $limited sh "$here/command" > "$here/output" 2>&1 < /dev/null
  echo $? > "$here/code.new"
  mv "$here/code.new" "$here/code"
  # What earlier commands said has been read an hour later.
  find "${here%/*}" -maxdepth 1 -name "$prefix*" -mmin +60 -exec rm -rf {} + 2> /dev/null
  exit
fi
if [ ! -d "$here/begun" ]; then
  session=
  # In a session of its own it goes on when this turn is cut off.
  if command -v setsid > /dev/null; then session=setsid; fi
  $session sh "$0" inside > /dev/null 2>&1 < /dev/null &
fi
give_up=$(($(date +%s) + turn_s))
until [ -f "$here/code" ] || [ "$(date +%s)" -ge "$give_up" ]; do sleep 0.1; done
if [ ! -f "$here/code" ]; then
  echo running
  exit 0
fi
echo "ended $(cat "$here/code")"
cat "$here/output"
