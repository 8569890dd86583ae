#!/usr/bin/env bash
# Fetches the environments of the execution providers, and for AMD's ROCm 7. The set-up starts this and does not wait.
# Usage: providers.sh MACHINE PART
set -euo pipefail
# shellcheck source=/dev/null
. "$HOME/serving-labs/provisioning/node/bin/fetch.sh"

machine=$1
gpu=()
if [[ $machine == mi100 ]]; then
  gpu=(migraphx)
elif command -v nvidia-smi > /dev/null 2>&1; then
  gpu=(tensorrt)
fi
if [[ -n ${REHEARSAL_MACHINE:-} ]]; then
  echo "rehearsed, not run: python -m labs providers install openvino ${gpu[*]}"
  exit 0
fi

# The image has ROCm 6. The wheel of MIGraphX's provider was built with this ROCm, and looks for its libraries there first
# (`readelf -d`: RUNPATH). The image names AMD's repository and its key to apt: the same, at another release.
fetch_rocm() {
  local rocm=7.2.4 known=/etc/apt/sources.list.d/rocm.list from host
  # The last of it that comes: what it needs is unpacked before.
  if compgen -G "/opt/rocm-$rocm/lib/libmigraphx_c.so.3*" > /dev/null; then return; fi
  if [[ ! -f $known ]]; then
    echo "found: no $known; expected: AMD's repository, which CC-Ubuntu24.04-ROCm names there" >&2
    echo "way out: install migraphx of AMD's ROCm $rocm. Until then the lesson leaves MIGraphX out, and all else runs" >&2
    return 69
  fi
  from=${MIRROR_ROCM:-$(sed -nE 's#^deb .*(https?://[^ ]+)/apt/[0-9.]+ .*#\1#p' "$known" | head -n 1)}
  host=$(sed -E 's#^https?://([^/:]+).*#\1#' <<< "$from")
  sed -E "s#[^ ]+/apt/[0-9.]+ #$from/apt/$rocm #" "$known" | sudo tee /etc/apt/sources.list.d/serving-labs-rocm.list
  # Ubuntu has packages of the same names, some with higher numbers, that do not fit the rest of ROCm 7.
  printf 'Package: *\nPin: origin "%s"\nPin-Priority: 600\n' "$host" | sudo tee /etc/apt/preferences.d/serving-labs-rocm
  apt_get update
  apt_get install migraphx
}

# Gigabytes that need not be waited for; what fails here, the lesson says and can fetch itself.
install() {
  SERVING_LABS_CACHE="$HOME/data" "$HOME/.serving-labs/venv/bin/python" -m labs providers install "$@"
}
cd "$HOME/serving-labs"
install openvino
if [[ $machine == mi100 && -z ${LABS_OWN:-} ]]; then fetch_rocm; fi
if ((${#gpu[@]})); then install "${gpu[@]}"; fi
