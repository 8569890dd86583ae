# shellcheck shell=sh disable=SC2154 # software.py says what Jupyter's address begins with
# Made on the machine, so that it travels nowhere and is a word of no command; it outlives a second set-up.
set -e
umask 077
mkdir -p .serving-labs
test -s .serving-labs/jupyter-token ||
  head -c 16 /dev/urandom | od -An -v -tx1 | tr -d ' \n' > .serving-labs/jupyter-token
printf %s "$base" > .serving-labs/jupyter-base
