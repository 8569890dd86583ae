#!/usr/bin/env bash
# Stops Ubuntu's automatic updates and holds NVIDIA's driver and the kernel at their versions. An update in mid-lesson would
# replace the driver's files under the loaded module, and no GPU can be opened until a reboot.
# Usage: updates.sh MACHINE PART
set -euo pipefail

units=(apt-daily.timer apt-daily-upgrade.timer apt-daily.service apt-daily-upgrade.service unattended-upgrades.service)
# NVIDIA's container toolkit is no part of the driver, and a later step installs it.
pattern='^(lib)?nvidia-|^cuda-drivers|^xserver-xorg-video-nvidia|^amdgpu-dkms|^linux-(image|headers|modules|generic|virtual)'
toolkit='^(lib)?nvidia-container'

if [[ -n ${REHEARSAL_MACHINE:-} ]]; then
  # On a rehearsed machine these say that they were not run, and are written down.
  sudo systemctl disable --now "${units[@]}"
  sudo apt-mark hold nvidia-driver linux-image
  exit 0
fi

for unit in "${units[@]}"; do
  # Not every image has all of them. A running update ends the package that it is at, which may take minutes.
  if systemctl cat "$unit" > /dev/null 2>&1; then sudo systemctl disable --now "$unit"; fi
done

# Not the packages that were removed and left their configuration.
# shellcheck disable=SC2016 # dpkg's own
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p')
mapfile -t packages < <(grep -E "$pattern" <<< "$installed" | grep -vE "$toolkit" || true)
if ((${#packages[@]})); then
  # Somebody else's apt may have the lock of the packages for a while.
  for ((tries = 1; ; tries++)); do
    if sudo apt-mark hold "${packages[@]}"; then break; fi
    if ((tries == 60)); then
      echo "apt-mark could not hold the driver's and the kernel's packages in ten minutes; its lines above say why" >&2
      echo "way out: end the apt or dpkg that runs (ps -e | grep -E 'apt|dpkg'), then the same set-up goes on from here" >&2
      exit 100
    fi
    sleep 10
  done
fi
echo "report held=${#packages[@]}"
