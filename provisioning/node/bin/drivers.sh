#!/usr/bin/env bash
# Sees that the driver sees a GPU, NVIDIA's or on an MI100 AMD's, before anything is installed.
# Usage: drivers.sh MACHINE PART
set -euo pipefail

machine=$1

# What was found, what its image brings (labs/sites/images.toml), and the way out.
refuse() {
  echo "found: $1" >&2
  echo "expected: ${LABS_IMAGE:-an image}, which brings $2" >&2
  echo "known of that image's driver: ${LABS_DRIVER:-nothing}" >&2
  echo "this machine's own record of its image: $(cat /opt/chameleon/provenance.json 2> /dev/null || echo none)" >&2
  echo "way out: $3" >&2
  echo "Nothing was installed. Whatever you try, the same set-up goes on from here." >&2
  exit 69
}
# Both tools may say that there is none and end well. A rehearsed machine's only say that they were not run.
gpus() { if [[ -n ${REHEARSAL_MACHINE:-} ]]; then echo "$2"; else grep -E "$1" <<< "$2" || true; fi; }
another="release the machine and set the part up on another node, or on the next option of its plan"
# Chameleon's own way to a driver that is missing or sees no GPU ("Tickets of the year", December 2025); most images have it.
mend=/usr/local/bin/install_nvidia_drivers.sh
nvidia="$another"
if [[ -x $mend ]]; then nvidia="sudo $mend && sudo reboot, which is Chameleon's own way; if that changes nothing, $another"; fi

if [[ $machine == mi100 ]]; then
  if ! command -v rocm-smi > /dev/null 2>&1; then
    refuse "no rocm-smi" "the kernel's amdgpu and rocm-smi" \
      "if the record names another image, $another; else sudo apt-get install rocm-smi"
  fi
  if ! seen=$(rocm-smi --showproductname --showdriverversion 2>&1) || [[ -z $(gpus '^GPU\[[0-9]+\]' "$seen") ]] ||
    [[ -z ${REHEARSAL_MACHINE:-} && ! -e /dev/kfd ]]; then
    refuse "a kernel ($(uname -r)) that shows no GPU. rocm-smi: ${seen:-(nothing)}
  /dev/kfd: $(ls /dev/kfd 2>&1 || true)
  kernel: $(sudo dmesg | grep -i amdgpu | tail -n 2 || true)" "a kernel whose amdgpu drives the MI100" "$another"
  fi
  echo "$seen"
  # Whoever computes opens /dev/kfd, which belongs to the groups render and video. Membership would count from the next
  # login on; on a node that one student leases, a rule for the devices does the same at once.
  if [[ -z ${REHEARSAL_MACHINE:-} && ! -w /dev/kfd ]]; then
    printf '%s\n' 'KERNEL=="kfd", MODE="0666"' 'SUBSYSTEM=="drm", KERNEL=="render*", MODE="0666"' \
      | sudo tee /etc/udev/rules.d/70-serving-labs-amdgpu.rules > /dev/null
    sudo udevadm control --reload
    sudo udevadm trigger --settle /dev/kfd /dev/dri/render*
  fi
  # Sources differ on how many a node has, so they are counted.
  echo "report gpus=$(grep -oE '^GPU\[[0-9]+\]' <<< "$seen" | sort -u | wc -l || true)"
  echo "report drivers=$(cat /sys/module/amdgpu/version 2> /dev/null || uname -r)"
  exit 0
fi

if ! command -v nvidia-smi > /dev/null 2>&1; then
  way="$another"
  if [[ -x $mend ]]; then way="if the record names an image without CUDA, $another; else $nvidia"; fi
  refuse "no nvidia-smi" "NVIDIA's driver" "$way"
fi
# Name, compute capability, driver, and memory, which a slice of a GPU may not tell.
if ! seen=$(nvidia-smi --query-gpu=name,compute_cap,driver_version,memory.total --format=csv,noheader 2>&1) ||
  [[ -z $(gpus '^[^,]+, [0-9]+\.[0-9]+, [0-9]+(\.[0-9]+)+, ' "$seen") ]]; then
  loaded=$(grep -m 1 NVRM /proc/driver/nvidia/version 2> /dev/null || echo "no module loaded")
  kernel=$(sudo dmesg | grep NVRM | tail -n 6 || true)
  # The set-up's first script holds the driver's packages (updates.sh).
  branch=$(grep -oE '[0-9]{3}\.xx Legacy' <<< "$kernel" | head -n 1 | cut -d . -f 1 || true)
  replace="apt-mark showhold | xargs -r sudo apt-mark unhold; sudo apt-get update &&"
  replace+=" sudo apt-get install nvidia-driver-${branch:-580} && sudo reboot"
  way="$nvidia"
  if grep -q "version mismatch" <<< "$seen"; then
    way="an update replaced the driver's files, and the module loaded before it is another version. A reboot
  loads the new one: sudo reboot"
  elif [[ -n $branch ]]; then
    way="the image's driver is too new for this GPU, on every node that boots the image. $branch is the last branch that
  drives it. Install that one: $replace
  Or take the next option of the part's plan, if its image is another one"
  elif grep -q "not supported by open" <<< "$kernel"; then
    way="NVIDIA's open kernel modules drive no GPU before Turing, a P100 among them; its closed ones do up to branch 580.
  Install those: $replace
  Or take the next option of the part's plan, if its image is another one"
  fi
  refuse "a driver that sees no GPU. nvidia-smi: ${seen:-(nothing)}
  module: $loaded
  kernel: ${kernel:-(no word of NVRM)}" "a driver that fits it" "$way"
fi
echo "$seen"
echo "report gpus=$(grep -cE '^[^,]+, [0-9]+\.[0-9]+, ' <<< "$seen" || true)"
echo "report drivers=$(gpus ', ' "$seen" | awk -F ', ' 'NR == 1 { print $3 }')"
