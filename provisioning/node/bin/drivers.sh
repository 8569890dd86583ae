#!/usr/bin/env bash
# Sees that the GPU driver answers, and for part 3 installs Docker and NVIDIA's container toolkit.
# Usage: drivers.sh MACHINE PART
set -euo pipefail

machine=$1
part=$2

if [[ -n ${REHEARSAL_MACHINE:-} ]]; then
  # On a rehearsed machine these say that they were not run, and are written down.
  nvidia-smi
  if [[ $part == system ]]; then
    sudo apt-get install docker.io docker-compose-v2 docker-buildx nvidia-container-toolkit
    sudo nvidia-ctk runtime configure --runtime=docker
  fi
  echo "report drivers=rehearsed"
  exit 0
fi

if ! command -v nvidia-smi > /dev/null 2>&1; then
  echo "nvidia-smi is missing: the server was booted from an image without CUDA; boot it from CC-Ubuntu24.04-CUDA" >&2
  exit 69
fi
nvidia-smi --query-gpu=name,compute_cap,driver_version,memory.total --format=csv,noheader
echo "report drivers=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader | head -n 1)"

if [[ $part != system ]]; then
  echo "part $part on $machine needs no Docker"
  exit 0
fi

export DEBIAN_FRONTEND=noninteractive
# A node that just booted often runs its own unattended upgrade: wait for that instead of failing.
apt_get() { sudo apt-get -o DPkg::Lock::Timeout=600 -y -qq "$@"; }

if ! docker compose version > /dev/null 2>&1; then
  echo "installing Docker"
  apt_get update
  apt_get install docker.io docker-compose-v2 docker-buildx
fi
if ! command -v nvidia-ctk > /dev/null 2>&1; then
  echo "installing NVIDIA's container toolkit"
  list=https://nvidia.github.io/libnvidia-container
  key=/usr/share/keyrings/nvidia-container-toolkit.gpg
  curl -fsSL "$list/gpgkey" | sudo gpg --batch --yes --dearmor -o "$key"
  echo "deb [signed-by=$key] $list/stable/deb/\$(ARCH) /" | sudo tee /etc/apt/sources.list.d/nvidia-container-toolkit.list > /dev/null
  apt_get update
  apt_get install nvidia-container-toolkit
fi
if ! grep -qs nvidia-container-runtime /etc/docker/daemon.json; then
  sudo nvidia-ctk runtime configure --runtime=docker
  sudo systemctl restart docker
fi
# Group membership counts from the next login on; until then the scripts go through sudo.
sudo usermod -aG docker "$(id -un)"
echo "report docker=$(sudo docker version --format '{{.Server.Version}}')"
