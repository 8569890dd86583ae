#!/usr/bin/env bash
# Sees that the GPU driver answers, NVIDIA's or on an MI100 AMD's; for part 3 installs Docker and NVIDIA's container
# toolkit.
# Usage: drivers.sh MACHINE PART
set -euo pipefail

machine=$1
part=$2

if [[ $machine == mi100 ]]; then
  if [[ -n ${REHEARSAL_MACHINE:-} ]]; then
    # On a rehearsed machine these say that they were not run, and are written down.
    rocminfo
    rocm-smi
    echo "report drivers=rehearsed"
    exit 0
  fi
  if ! command -v rocminfo > /dev/null 2>&1; then
    echo "rocminfo is missing: the server was booted from an image without ROCm; boot it from CC-Ubuntu24.04-ROCm" >&2
    exit 69
  fi
  # Whoever computes opens /dev/kfd, which belongs to the groups render and video. Membership would count from the next
  # login on; on a node that one student leases, a rule for the devices does the same at once.
  if [[ ! -w /dev/kfd ]]; then
    printf '%s\n' 'KERNEL=="kfd", MODE="0666"' 'SUBSYSTEM=="drm", KERNEL=="render*", MODE="0666"' \
      | sudo tee /etc/udev/rules.d/70-serving-labs-amdgpu.rules > /dev/null
    sudo udevadm control --reload
    sudo udevadm trigger --settle /dev/kfd /dev/dri/render*
  fi
  rocminfo > /dev/null
  rocm-smi --showproductname --showdriverversion
  # MIGraphX's provider links against these two libraries of ROCm 7; its wheel brings neither. MIGraphX comes from the
  # repository that the image took ROCm from. Without it the lesson says what is missing and goes on.
  rocm_has() { compgen -G "/opt/rocm*/lib/$1" > /dev/null || compgen -G "/opt/rocm*/lib/migraphx/lib/$1" > /dev/null; }
  if ! rocm_has libmigraphx_c.so.3; then
    export DEBIAN_FRONTEND=noninteractive
    sudo apt-get -o DPkg::Lock::Timeout=600 -y -qq update || true
    sudo apt-get -o DPkg::Lock::Timeout=600 -y -qq install migraphx || true
  fi
  if rocm_has libmigraphx_c.so.3 && rocm_has libamdhip64.so.7; then
    echo "report migraphx=present"
  else
    echo "report migraphx=missing"
  fi
  echo "report drivers=$(cat /sys/module/amdgpu/version 2> /dev/null || uname -r)"
  exit 0
fi

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
    echo "a proxy may have answered for NVIDIA; if NVIDIA has a new key, put its fingerprint into drivers.sh" >&2
    rm -rf "$folder"
    return 77
  fi
  sudo gpg --batch --yes --dearmor -o "$keyring" "$folder/key"
  rm -rf "$folder"
}

if ! docker compose version > /dev/null 2>&1; then
  echo "installing Docker"
  apt_get update
  apt_get install docker.io docker-compose-v2 docker-buildx
fi
if ! command -v nvidia-ctk > /dev/null 2>&1; then
  echo "installing NVIDIA's container toolkit"
  list=https://nvidia.github.io/libnvidia-container
  key=/usr/share/keyrings/nvidia-container-toolkit.gpg
  fetch_nvidia_key "$list" "$key"
  echo "deb [signed-by=$key] $list/stable/deb/\$(ARCH) /" | sudo tee /etc/apt/sources.list.d/nvidia-container-toolkit.list > /dev/null
  apt_get update
  apt_get install nvidia-container-toolkit
fi

# Docker with NVIDIA's runtime, and with cgroupfs for its groups: with systemd's, any `systemctl daemon-reload` (an
# unattended upgrade is enough) takes the GPUs away from containers that run (NVIDIA/nvidia-container-toolkit#48).
daemon=/etc/docker/daemon.json
before=$(sudo cat "$daemon" 2> /dev/null || true)
if ! grep -qs nvidia-container-runtime <<< "$before"; then
  sudo nvidia-ctk runtime configure --runtime=docker
fi
sudo python3 - "$daemon" << 'PYTHON'
import json, os, pathlib, sys

path = pathlib.Path(sys.argv[1])
text = path.read_text() if path.exists() else ""
try:
    settings = json.loads(text or "{}")
except ValueError as error:
    sys.exit(f"{path} is not JSON ({error}): correct or remove it, then run this step again")
driver = "native.cgroupdriver="
options = [each for each in settings.get("exec-opts", []) if not each.startswith(driver)]
settings["exec-opts"] = [*options, driver + "cgroupfs"]
new = path.with_name(path.name + ".new")
new.write_text(json.dumps(settings, indent=4) + "\n")
os.replace(new, path)
PYTHON
# A restart ends what runs in containers, so only after a change.
if [[ $(sudo cat "$daemon") != "$before" ]]; then sudo systemctl restart docker; fi
cgroups=$(sudo docker info --format '{{.CgroupDriver}}')
if [[ $cgroups != cgroupfs ]]; then
  echo "Docker keeps its groups with $cgroups although $daemon says cgroupfs: an option of its unit may set it" >&2
  exit 78
fi
# Group membership counts from the next login on; until then the scripts go through sudo.
sudo usermod -aG docker "$(id -un)"
echo "report cgroups=$cgroups"
echo "report docker=$(sudo docker version --format '{{.Server.Version}}')"
