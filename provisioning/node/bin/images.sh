#!/usr/bin/env bash
# Pulls and builds the containers of part 3 while the Python environment is being made.
# Usage: images.sh MACHINE PART
set -euo pipefail

machine=$1
cd "$HOME/serving-labs/provisioning/node/$machine"

# The key of Triton's restricted APIs, made once; compose reads it from here, and so do the lessons.
if [[ ! -s .env ]]; then
  (umask 077 && echo "LABS_TRITON_KEY=$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')" > .env)
fi

if [[ -n ${REHEARSAL_MACHINE:-} ]]; then
  # On a rehearsed machine these say that they were not run, and are written down.
  docker compose pull
  docker compose build
  echo "report images=rehearsed"
  exit 0
fi

free_gb=$(df -Pk /var/lib/docker | awk 'NR == 2 { print int($4 / 1048576) }')
if ((free_gb < 30)); then
  echo "only $free_gb GB are free under /var/lib/docker, and the Triton image needs about 30 GB unpacked" >&2
  exit 28
fi
sudo docker compose pull --quiet --ignore-buildable
sudo docker compose build --quiet
echo "report images=$(sudo docker compose images --quiet | sort -u | wc -l | tr -d ' ')"
