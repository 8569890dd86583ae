#!/usr/bin/env bash
# Installs Docker and NVIDIA's container toolkit, and lets Docker keep its containers' GPUs.
# Usage: docker.sh MACHINE PART
set -euo pipefail
# shellcheck source=/dev/null
. "$HOME/serving-labs/provisioning/node/bin/fetch.sh"

# The key that signs NVIDIA's repository, by its whole fingerprint: "NVIDIA CORPORATION (Open Source Projects)
# <cudatools@nvidia.com>", rsa4096 of 2017-09-28. Should NVIDIA ever change it, compare the new one with what NVIDIA
# publishes before putting it here.
nvidia_key=C95B321B61E88C1809C4F759DDCAE044F796ECB0

fetch_nvidia_key() {
  local list=$1 keyring=$2 folder seen
  folder=$(mktemp -d)
  curl -fsSL "$list/gpgkey" -o "$folder/key"
  # Fingerprints of primary keys only: a file with a second key in it would let that one sign as well.
  seen=$(gpg --homedir "$folder" --batch --show-keys --with-colons "$folder/key" 2> /dev/null |
    awk -F: '$1 == "pub" { primary = 1 } $1 == "fpr" && primary { print $10; primary = 0 }' || true)
  if [[ $seen != "$nvidia_key" ]]; then
    echo "the key at $list has the fingerprint ${seen:-(none)} instead of $nvidia_key: not trusted" >&2
    echo "a proxy may have answered for NVIDIA; if NVIDIA has a new key, put its fingerprint into docker.sh" >&2
    rm -rf "$folder"
    return 77
  fi
  sudo gpg --batch --yes --dearmor -o "$keyring" "$folder/key"
  rm -rf "$folder"
}

# All three packages: an install that was cut short may have brought one of them.
if ! { command -v dockerd && docker compose version && docker buildx version; } > /dev/null 2>&1; then
  echo "installing Docker"
  apt_get update
  apt_get install docker.io docker-compose-v2 docker-buildx
fi
if [[ -n ${REHEARSAL_MACHINE:-} ]]; then
  # On a rehearsed machine these say that they were not run, and are written down.
  apt_get install nvidia-container-toolkit
  sudo nvidia-ctk runtime configure --runtime=docker
  exit 0
fi
if ! command -v nvidia-ctk > /dev/null 2>&1; then
  echo "installing NVIDIA's container toolkit"
  list=${MIRROR_NVIDIA_TOOLKIT:-https://nvidia.github.io/libnvidia-container}
  key=/usr/share/keyrings/nvidia-container-toolkit.gpg
  fetch_nvidia_key "$list" "$key"
  echo "deb [signed-by=$key] $list/stable/deb/\$(ARCH) /" | sudo tee /etc/apt/sources.list.d/nvidia-container-toolkit.list > /dev/null
  apt_get update
  apt_get install nvidia-container-toolkit
fi

# Docker with NVIDIA's runtime, and with cgroupfs for its groups: with systemd's, any `systemctl daemon-reload` (an
# unattended upgrade is enough) takes the GPUs away from containers that run (NVIDIA/nvidia-container-toolkit#48).
# The settings are changed in a copy, which takes their place when it is whole.
daemon=/etc/docker/daemon.json
sudo mkdir -p "${daemon%/*}"
sudo rm -f "$daemon.new"
if [[ -f $daemon ]]; then sudo cp "$daemon" "$daemon.new"; fi
if ! sudo grep -qs nvidia-container-runtime "$daemon.new"; then
  sudo nvidia-ctk runtime configure --runtime=docker --config="$daemon.new"
fi
sudo python3 - "$daemon" "${MIRROR_DOCKER_HUB:-}" << 'PYTHON'
import json, pathlib, sys

path = pathlib.Path(sys.argv[1] + ".new")
try:
    settings = json.loads(path.read_text() or "{}")
except ValueError as error:
    sys.exit(f"{sys.argv[1]} is not JSON ({error}): correct or remove it, then run this step again")
driver = "native.cgroupdriver="
options = [each for each in settings.get("exec-opts", []) if not each.startswith(driver)]
settings["exec-opts"] = [*options, driver + "cgroupfs"]
if sys.argv[2]:
    settings["registry-mirrors"] = [sys.argv[2]]
path.write_text(json.dumps(settings, indent=4) + "\n")
PYTHON
# A restart ends what runs in containers, so only after a change; and a change without its restart is remembered.
restart=$HOME/.serving-labs/docker-restart
if sudo cmp -s "$daemon.new" "$daemon"; then
  sudo rm "$daemon.new"
else
  mkdir -p "${restart%/*}"
  touch "$restart"
  sudo mv "$daemon.new" "$daemon"
fi
if [[ -f $restart ]]; then
  sudo systemctl restart docker
  rm "$restart"
fi
cgroups=$(sudo docker info --format '{{.CgroupDriver}}')
if [[ $cgroups != cgroupfs ]]; then
  echo "Docker keeps its groups with $cgroups although $daemon says cgroupfs: an option of its unit may set it" >&2
  exit 78
fi
# Group membership counts from the next login on; until then the scripts go through sudo.
sudo usermod -aG docker "$(id -un)"
echo "report cgroups=$cgroups"
echo "report docker=$(sudo docker version --format '{{.Server.Version}}')"
