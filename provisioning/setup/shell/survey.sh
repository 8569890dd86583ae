# shellcheck shell=sh disable=SC2154,SC2086 # transfer.py says which folders, and $folders and $patterns are several words
set -f
cd "$HOME/$root" 2> /dev/null || exit 0
find $folders -type f \( $patterns \) 2> /dev/null | while read -r file; do
  case "$file" in */.*) continue ;; esac
  echo "$( (sha256sum < "$file" 2> /dev/null || shasum -a 256 < "$file") | cut -d ' ' -f 1) $(wc -c < "$file") $file"
done
