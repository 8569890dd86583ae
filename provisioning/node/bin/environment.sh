#!/usr/bin/env bash
# Makes ~/.serving-labs/venv with the machine's pinned packages; it is there whole or not at all. Running it again only checks.
# Usage: environment.sh MACHINE PART
set -euo pipefail
# uv's cache gives its files to other environments as they are: everybody may read them, also where the shell is stricter.
umask 022
# shellcheck source=/dev/null
. "$HOME/serving-labs/provisioning/node/bin/fetch.sh"

machine=$1
root="$HOME/serving-labs"
node="$root/provisioning/node/$machine"
own="$HOME/.serving-labs"
venv="$own/venv"
# Login shells of Chameleon's CUDA images point the loader at the image's CUDA, and the packages here bring their own.
keep_out='unset LD_LIBRARY_PATH # for the course: its packages bring their own CUDA'
if ! grep -qsF "$keep_out" "$HOME/.profile"; then echo "$keep_out" >> "$HOME/.profile"; fi
# What the packages take unpacked, with the download beside it for a while.
case "$machine" in
  a100) needed_gb=18 ;; # TensorRT's environment wants 14 more, and says so itself (providers.sh)
  mi100) needed_gb=30 ;; # most of it for PyTorch's build, which brings ROCm's libraries
  p100) needed_gb=16 ;;
  *) needed_gb=3 ;;
esac
# A rehearsal fetches neither that nor ROCm, but the same PyTorch for each machine (below): 8 GB unpacked.
if [[ -n ${REHEARSAL_MACHINE:-} ]] && ((needed_gb > 16)); then needed_gb=16; fi

if [[ -n ${REHEARSAL_MACHINE:-} && -z ${REHEARSAL_PINNED:-} ]]; then
  # The short way of a rehearsal: the laptop's own environment stands in for several gigabytes of packages, and nothing
  # is downloaded. `REHEARSAL_PINNED=1` before `rehearsal up` takes the long way, below, which is that of a leased machine.
  mkdir -p "$venv/bin"
  for tool in python jupyter; do
    target=$(printf %q "${LABS_STAND_IN:-python3}")
    if [[ $tool == jupyter ]]; then target="$target -m jupyter"; fi
    printf '#!/bin/sh\nPYTHONPATH=%q exec %s "$@"\n' "$root" "$target" > "$venv/bin/$tool"
    chmod +x "$venv/bin/$tool"
  done
  echo "rehearsed, not run: uv pip install -r $machine/requirements.txt; the laptop's environment stands in"
  echo "report environment=rehearsed"
  exit 0
fi

# What it is made from: other pins make another one.
lists=("$node/requirements.txt")
for list in overrides.txt torch.txt; do if [[ -f $node/$list ]]; then lists+=("$node/$list"); fi; done
pins=$(cat "${lists[@]}" | sha256sum | cut -d ' ' -f 1)
made=$(cat "$venv/.pins" 2> /dev/null || true)
new="$own/venv.new"
rm -rf "$new" # half of one takes the room that is asked for here
free_gb=$(df -Pk "$HOME" | awk 'NR == 2 { print int($4 / 1048576) }')
if [[ $made != "$pins" ]] && ((free_gb < needed_gb)); then
  echo "only $free_gb GB are free under $HOME, and the packages need $needed_gb GB: choose a machine with a larger disk" >&2
  exit 28
fi

if ! command -v uv > /dev/null 2>&1 && [[ ! -x $own/uv/bin/uv ]]; then
  rm -rf "$own/uv.new"
  if ! python3 -m venv "$own/uv.new" 2> /dev/null; then
    # Debian and Ubuntu keep ensurepip in a package of its own.
    apt_get update
    apt_get install python3-venv
    python3 -m venv --clear "$own/uv.new"
  fi
  "$own/uv.new/bin/pip" install --quiet --require-hashes -r "$root/provisioning/node/uv/requirements.txt"
  rm -rf "$own/uv"
  mv "$own/uv.new" "$own/uv" # uv is a program of its own and asks for no path
fi
PATH="$PATH:$own/uv/bin"

if [[ $made != "$pins" ]]; then
  echo "installing the pinned packages of $machine"
  # Its commands find Python beside them, so that it can be renamed.
  uv venv --quiet --relocatable --python 3.11 "$new"
  wanted=(-r "$node/requirements.txt")
  # What a package asks for and this machine gets from elsewhere.
  if [[ -f $node/overrides.txt ]]; then wanted+=(--overrides "$node/overrides.txt"); fi
  uv pip install --python "$new/bin/python" --require-hashes "${wanted[@]}"
  if [[ -f $node/torch.txt ]]; then
    # A range without hashes: its index is not PyPI and moves on.
    torch=(-r "$node/torch.txt")
    if [[ -n ${REHEARSAL_MACHINE:-} ]]; then
      # Neither Pascal nor MI100 in a rehearsal: the versions that the A100 has, from the usual index, will do, and that one
      # can always be reached. (With the A100's hashes, or uv would fetch the same gigabytes once for each list.)
      grep -v -- '^--' "$node/torch.txt" > "$own/torch.txt"
      torch=(-r "$own/torch.txt" --constraint "$root/provisioning/node/a100/requirements.txt")
    fi
    uv pip install --python "$new/bin/python" "${torch[@]}"
  fi
  echo "$pins" > "$new/.pins"
  rm -rf "$venv"
  mv "$new" "$venv"
fi
uv pip install --quiet --python "$venv/bin/python" --no-deps --editable "$root"
if [[ $machine == edge ]]; then
  # The container's own Jupyter is running already: give it our environment as a kernel.
  "$venv/bin/python" -m ipykernel install --user --name serving-labs --display-name "Model serving labs"
fi
echo "report environment=$("$venv/bin/python" --version | tr ' ' '-')"
