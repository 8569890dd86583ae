#!/usr/bin/env bash
# Sees that pictures and model are there, whole, and readable by the containers.
# Usage: data.sh MACHINE PART
set -euo pipefail

root="$HOME/serving-labs"
assets="$root/assets"
data="$HOME/data"

# The data volume: what lessons fetch goes here, the full Food-11 first of all, and the containers of part 3 read it.
mkdir -p "$data"

if [[ -f $assets/manifest.json ]]; then
  echo "$(find "$assets" -type f | wc -l | tr -d ' ') files under assets, manifest present"
else
  echo "assets were copied without their manifest.json" >&2
  exit 66
fi
echo "report data=$data"
