# shellcheck shell=sh disable=SC2154 # own/place.py says which folder
# Makes the folder, with a mark that says whose it is. One that holds something and no mark is somebody else's.
set -e
umask 077
cd "$HOME"
if [ ! -f "$folder/$mark" ]; then
  # An earlier start may have been stopped between the next two lines.
  if [ -d "$folder" ]; then rmdir "$folder" 2> /dev/null || true; fi
  mkdir "$folder" 2> /dev/null || {
    echo "$PWD/$folder cannot be made, or is there already and no set-up has made it"
    exit 73
  }
  echo "made by a set-up of the model serving labs, and deleted by its release" > "$folder/$mark"
fi
mkdir -p "$folder/tmp"
