#!/usr/bin/env bash
# Says what this machine is, for `msl lease proof`, in lines `proof KEY VALUE`: no address, host name, serial number or key.
# Usage: proof.sh MACHINE PART PACKAGE... -- COMMAND...
set -euo pipefail
export LC_ALL=C

machine=$1
shift 2
say() { if [[ -n ${2:-} ]]; then echo "proof $1 $2"; fi; }
# What a command says; nothing if it is not there, fails, or is one that a rehearsed machine does not run.
told() { "$@" 2> /dev/null | grep -v '^rehearsed, not run' || true; }

while (($#)) && [[ $1 != -- ]]; do
  # shellcheck disable=SC2016 # dpkg's own
  version=$(told dpkg-query -W -f '${Version}\n' "$1")
  if [[ -n $version ]]; then say version "$1 $version"; fi
  shift
done
if (($#)); then shift; fi
for name; do if ! command -v "$name" > /dev/null 2>&1; then say lacks "$name"; fi; done

# The file is written for shells: NAME="Ubuntu".
system=$(sed -nE 's/^(NAME|VERSION_ID)="?([^"]*)"?$/\2/p' /etc/os-release 2> /dev/null | tr '\n' ' ' || true)
say system "${system% }, $(told getconf GNU_LIBC_VERSION), $(told python3 --version)"
say kernel "$(uname -rm)"
processor=$(told lscpu | sed -n 's/^Model name: *//p' | head -n 1)
say processor "${processor:-a processor without a name}, $(nproc) threads"
say memory "$(awk '/^MemTotal/ { print int($2 / 1048576 + 0.5) " GB" }' /proc/meminfo)"
say disk "$(df -Pk "$HOME" | awk 'NR == 2 { print int($2 / 1048576) " GB, " int($4 / 1048576) " GB of them free" }')"

# The questions and the forms are those of drivers.sh.
if [[ $machine == mi100 ]]; then
  told rocm-smi --showproductname | sed -nE 's/^GPU\[[0-9]+\][^:]*: *Card [Ss]eries:[[:space:]]*(.*)/proof gpu \1/p'
  say driver "amdgpu $(cat /sys/module/amdgpu/version 2> /dev/null || uname -r)"
else
  told nvidia-smi --query-gpu=name,compute_cap,driver_version,memory.total --format=csv,noheader |
    awk -F ', ' 'NF == 4 { print "proof gpu " $1 ", compute capability " $2 ", " $4; driver = $3 }
      END { if (driver) print "proof driver NVIDIA " driver }'
fi

firewall=$(told systemctl is-active firewalld)
say firewall "${firewall:+firewalld is $firewall}"
mtu=$(cat /sys/class/net/e*/mtu 2> /dev/null | sort -u | tr '\n' ' ' || true)
mtu=${mtu% }
say network "MTU ${mtu:-not told}"

told "$HOME/.serving-labs/venv/bin/python" -c 'import importlib.metadata as installed
for name in "numpy onnx onnxruntime onnxruntime-gpu onnxruntime-migraphx torch torchvision tritonclient".split():
    for each in installed.distributions(name=name):
        print("proof version", name, each.version)'
if command -v docker > /dev/null 2>&1; then
  version=$(told sudo docker version --format '{{.Server.Version}}')
  if [[ -n $version ]]; then say version "docker $version"; fi
fi
