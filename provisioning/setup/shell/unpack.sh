# shellcheck shell=sh disable=SC2154 # software.py says which archive, with which digest, goes where
set -e
cd "$HOME"
seen=$( (sha256sum "$archive" 2> /dev/null || shasum -a 256 "$archive") | cut -d ' ' -f 1)
[ "$seen" = "$digest" ] || { echo "the copy is damaged: $seen"; exit 65; }
mkdir -p "$root" .serving-labs
tar -xzmf "$archive" -C "$root"
echo "$digest" > ".serving-labs/$marker"
rm -f "$archive"
