# shellcheck shell=bash
# How the scripts fetch what a machine lacks: they source this first. MIRROR_… are what labs/sites/mirrors.toml names; pip, uv
# and TensorRT's installer read variables of their own.

lists="$HOME/serving-labs/provisioning/node"
replace() { if [[ -n $2 ]]; then sed -i -E "$1$2#" "${@:3}"; fi; }
replace 's#^(--(extra-)?index-url) .*/whl#\1 ' "${MIRROR_TORCH:-}" "$lists"/*/torch.txt "$lists"/edge/executorch.txt
mirror=${MIRROR_NVIDIA_IMAGES:-} # a registry's name, which is no address
replace 's#^(([^# ]+ ){3})[^ /]+#\1' "${mirror#*://}" "$lists"/p100/images.txt

# A node that just booted often runs its own unattended upgrade: wait for that instead of failing. apt's option is for
# dpkg's lock; `update` takes that of the lists, and waits for nobody. An index that cannot be had is a failure: by itself
# apt goes on with the index of another day, or with none, and a package is missing later. What an earlier run left half
# unpacked is finished first. What apt says is shown as it comes: some packages have gigabytes.
apt_get() {
  # A machine of one's own is somebody's: its system is left as it is.
  if [[ -n ${LABS_OWN:-} ]]; then
    echo "found: a machine of your own that lacks packages" >&2
    echo "way out: ask its owner for them: apt-get $*" >&2
    return 69
  fi
  local log missing tries=0 repairs=0 sources=/etc/apt/sources.list.d/ubuntu.sources
  local options=(-o DPkg::Lock::Timeout=600 -o APT::Update::Error-Mode=any -o APT::Get::Fix-Broken=true)
  if [[ -n ${MIRROR_UBUNTU:-} && -f $sources ]]; then sudo sed -i -E "s#^URIs: .*#URIs: $MIRROR_UBUNTU#" "$sources"; fi
  log=$(mktemp)
  until sudo env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get "${options[@]}" -y -q "$@" 2>&1 | tee "$log"; do
    if grep -q "dpkg was interrupted" "$log" && ((repairs++ < 2)); then
      echo "dpkg was interrupted before: finishing what it began"
      # A package whose dependency is not there yet stays behind here; apt brings that, and then finishes both.
      sudo env DEBIAN_FRONTEND=noninteractive dpkg --force-confold --configure -a || true
    elif grep -q "^E: Could not get lock" "$log" && ((tries++ < 60)); then
      sleep 10
    else
      echo "apt-get $* failed:" >&2
      grep "^[EW]: " "$log" >&2 || tail -n 5 "$log" >&2
      # The lines that apt has for it: an address that does not answer, no index there, a signature that does not fit.
      missing=$(sed -nE "s/^[EW]: (Failed to fetch |The repository '|.*GPG error: )([^ ']+).*/\2/p" "$log" | sort -u)
      if [[ $1 == update && -n $missing ]]; then
        echo "found: no index of packages at ${missing//$'\n'/, }" >&2
        echo "way out: run this step again in some minutes. If it stays so, name a mirror in labs/sites/mirrors.toml, or remove" >&2
        echo "  the source that nothing here needs: grep -r ADDRESS /etc/apt/sources.list.d shows its file" >&2
      fi
      return 100
    fi
  done
  rm -f "$log"
}

# A command may be there whose package was unpacked and never set up: what dpkg has not finished is finished first.
if [[ -z ${REHEARSAL_MACHINE:-}${LABS_OWN:-} && -n $(dpkg --audit 2> /dev/null) ]]; then apt_get --fix-broken install || true; fi
