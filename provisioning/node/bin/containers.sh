#!/usr/bin/env bash
# Fetches, builds and starts the containers of part 3. The set-up starts this and does not wait for it.
# Usage: containers.sh MACHINE PART
set -euo pipefail
# shellcheck source=/dev/null
. "$HOME/serving-labs/provisioning/node/bin/fetch.sh"

machine=$1
cd "$HOME/serving-labs/provisioning/node/$machine"

if [[ -n ${REHEARSAL_MACHINE:-} ]]; then
  # On a rehearsed machine these say that they were not run, and are written down.
  docker compose pull
  docker compose build
  docker compose up --detach --wait
  exit 0
fi

# On a machine of one's own its account may use Docker by itself, or not at all.
as_root=(sudo)
if [[ -n ${LABS_OWN:-} ]]; then
  if docker info > /dev/null 2>&1; then
    as_root=()
  elif ! sudo -nk docker info > /dev/null 2>&1; then
    echo "left out: Triton's container, since this account cannot use Docker"
    exit 0
  fi
fi

# The key of Triton's restricted APIs, made once; compose reads it from .env, and so do the lessons.
umask 077
if ! grep -qs '^LABS_TRITON_KEY=.' .env; then
  echo "LABS_TRITON_KEY=$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')" > .env
fi

# The newest Triton that supports every GPU of this machine, and its driver.
lowest=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | sort -n | head -n 1)
driver=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader | head -n 1)
chosen=$(awk -v lowest="$lowest" -v branch="${driver%%.*}" '
  !/^#/ && NF && $1 + 0 <= lowest + 0 && (branch + 0 >= $2 + 0 || index("," $3 ",", "," branch ",")) { print $4, $5, $6; exit }
' images.txt)
if [[ -z $lowest || -z $chosen ]]; then
  echo "found: compute capability ${lowest:-(nvidia-smi names none)} and driver ${driver:-(nvidia-smi names none)}" >&2
  echo "way out: no Triton of provisioning/node/p100/images.txt supports both: take the next option of the part's plan" >&2
  exit 69
fi
read -r base digest flaws <<< "$chosen"
echo "Triton ${base##*:} has known flaws: ${flaws//,/, }. It listens on this machine alone: never open its ports to others"
wanted=$base
if [[ $digest == sha256:* ]]; then wanted=$base@$digest; fi
echo "compute capability $lowest, driver $driver: $wanted"
free_gb=$(df -Pk /var/lib/docker | awk 'NR == 2 { print int($4 / 1048576) }')
if ((free_gb < 30)) && ! "${as_root[@]}" docker image inspect "$wanted" > /dev/null 2>&1; then
  echo "only $free_gb GB are free under /var/lib/docker, and the Triton image needs about 30 GB unpacked" >&2
  exit 28
fi
# Neither this nor the build is quiet: half an hour without a line looks like a step that hangs.
# What the release of a machine of one's own deletes again: images that were not there before.
note_new() {
  if [[ -n ${LABS_OWN:-} ]] && ! "${as_root[@]}" docker image inspect "$1" > /dev/null 2>&1; then
    echo "$1" >> "$HOME/.serving-labs/images"
  fi
}
note_new "$wanted"
"${as_root[@]}" docker pull "$wanted"
# From here on the base is what was pulled, by its digest; the built image's label names it too.
pulled=$("${as_root[@]}" docker image inspect --format '{{index .RepoDigests 0}}' "$wanted")
release=${base##*:}
{
  grep '^LABS_TRITON_KEY=' .env
  echo "LABS_TRITON_BASE=$pulled"
  echo "LABS_TRITON_RELEASE=${release%-py3}"
  echo "PIP_INDEX_URL=${PIP_INDEX_URL:-}"
  # So that a compose command typed in a terminal mounts the same folders.
  echo "LABS_HOME=$HOME"
  # Others may have the lab on the same machine.
  if [[ -n ${LABS_OWN:-} ]]; then echo "COMPOSE_PROJECT_NAME=${HOME##*/}"; fi
} > .env.new
mv .env.new .env
umask 022

for image in $("${as_root[@]}" docker compose config --images | sort -u); do note_new "$image"; done
"${as_root[@]}" docker compose build
# `compose images` would list what containers use, and there are none yet: ask for what the file names.
images=$("${as_root[@]}" docker compose config --images | sort -u)
for image in $images; do
  if ! "${as_root[@]}" docker image inspect "$image" > /dev/null 2>&1; then
    echo "$image is not there, although the build ended well" >&2
    exit 70
  fi
done
echo "report images=$(wc -l <<< "$images" | tr -d ' ')"
echo "report triton_base=$pulled"

mkdir -p "$HOME/models" "$HOME/data"
"${as_root[@]}" docker compose up --detach --wait
echo "report containers=$("${as_root[@]}" docker compose ps --services --status running | tr '\n' ' ')"
