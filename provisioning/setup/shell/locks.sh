# shellcheck shell=sh disable=SC2154,SC2015,SC2034 # jobs.py puts the words in front and the task behind
# Lock 8 is held while somebody starts or looks; lock 9 by whatever the job consists of, since children inherit it. A
# lock is free when its last holder is gone, after a reboot too; a process id may be another program's by then.
command -v flock >/dev/null && command -v setsid >/dev/null || {
  echo "no flock or setsid here: install the package util-linux, or start the image that the part names"
  exit 69
}
exec 8>> turn 9>> lock
flock -w 60 8 || { echo "another set-up has been starting $name for a minute: try again"; exit 75; }
if flock -n 9; then held=no; else held=yes; fi
