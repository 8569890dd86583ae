#!/usr/bin/env bash
# Fetches the environments of the execution providers. The set-up starts this and does not wait for it.
# Usage: providers.sh MACHINE PART
set -euo pipefail

machine=$1
venv="$HOME/.serving-labs/venv"

providers=(openvino)
if [[ $machine == mi100 ]]; then
  providers+=(migraphx)
elif command -v nvidia-smi > /dev/null 2>&1; then
  providers+=(tensorrt)
fi
if [[ -n ${REHEARSAL_MACHINE:-} ]]; then
  echo "rehearsed, not run: python -m labs providers install ${providers[*]}"
  exit 0
fi

# Gigabytes that need not be waited for; what fails here, the lesson says and can fetch itself.
cd "$HOME/serving-labs"
SERVING_LABS_CACHE="$HOME/data" "$venv/bin/python" -m labs providers install "${providers[@]}"
