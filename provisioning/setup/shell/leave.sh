# shellcheck shell=sh disable=SC2154,SC2086 # own/place.py says which folder; $left is several numbers
# Ends what set-up and lessons have started, and deletes the folder. All of it carries the folder as its HOME.
cd "$HOME" || exit 70
home=$HOME/$folder
if [ -e "$home" ] && [ ! -f "$home/$mark" ]; then
  # What an earlier release has left is empty.
  if rmdir "$home" 2> /dev/null; then exit 0; fi
  echo "$home is there, and no set-up has made it: nothing was deleted"
  exit 73
fi
# Processes whose environment names the folder. Those of others cannot be read, and are not ours.
ours() { grep -lzxF "HOME=$home" /proc/[0-9]*/environ 2> /dev/null | cut -d / -f 3; }
containers=$home/serving-labs/provisioning/node/p100
if [ -f "$containers/.env" ] && command -v docker > /dev/null 2>&1; then
  as_root=
  if ! docker info > /dev/null 2>&1; then as_root="sudo -nk"; fi
  (cd "$containers" && HOME=$home $as_root docker compose down --volumes) || exit 69
  # Those that the machine had not before; one that somebody else uses by now stays.
  tac "$home/.serving-labs/images" 2> /dev/null | while read -r image; do $as_root docker image rm "$image"; done
fi
for signal in TERM KILL KILL; do
  left=$(ours)
  if [ -z "$left" ]; then break; fi
  kill -s $signal $left 2> /dev/null
  tries=0
  while [ -n "$(ours)" ] && [ $tries -lt 30 ]; do sleep 0.1; tries=$((tries + 1)); done
done
left=$(ours)
if [ -n "$left" ]; then
  echo "these processes do not end: $left"
  exit 75
fi
if [ ! -e "$home" ]; then exit 0; fi
# The mark goes last: until then the folder is known to be ours. A cache may have made its folders read-only.
chmod -R u+rwX "$home" 2> /dev/null
delete() { find "$home" -mindepth 1 -maxdepth 1 ! -name "$mark" -exec "$@" rm -rf {} + 2> /dev/null; }
delete env || delete sudo -nk
rest=$(find "$home" -mindepth 1 ! -name "$mark" | head -n 5)
if [ -n "$rest" ]; then
  echo "cannot be deleted: $rest"
  exit 77
fi
rm -rf "$home"
