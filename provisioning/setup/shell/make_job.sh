# shellcheck shell=sh disable=SC2154 # jobs.py puts the words in front
set -u
job=$HOME/.serving-labs/jobs/$name
mkdir -p "$job" && cd "$job" || exit 70
