# shellcheck shell=bash
# How the scripts fetch what a machine lacks: they source this first. MIRROR_… are what sites/mirrors.toml names; pip, uv
# and TensorRT's installer read variables of their own.

lists="$HOME/serving-labs/provisioning/node"
replace() { if [[ -n $2 ]]; then sed -i -E "$1$2#" "${@:3}"; fi; }
replace 's#^(--(extra-)?index-url) .*/whl#\1 ' "${MIRROR_TORCH:-}" "$lists"/*/torch.txt "$lists"/edge/executorch.txt
mirror=${MIRROR_NVIDIA_IMAGES:-} # a registry's name, which is no address
replace 's#^([0-9.]+) [^ /]+#\1 ' "${mirror#*://}" "$lists"/p100/images.txt

# A node that just booted often runs its own unattended upgrade: wait for that instead of failing. apt's option is for
# dpkg's lock; `update` takes that of the lists, and waits for nobody.
apt_get() {
  local said tries=0 sources=/etc/apt/sources.list.d/ubuntu.sources
  if [[ -n ${MIRROR_UBUNTU:-} && -f $sources ]]; then sudo sed -i -E "s#^URIs: .*#URIs: $MIRROR_UBUNTU#" "$sources"; fi
  until said=$(sudo env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -y -qq "$@" 2>&1); do
    tries=$((tries + 1))
    if [[ $said != *"Could not get lock"* ]] || ((tries > 60)); then
      echo "apt-get $* failed: $said" >&2
      return 100
    fi
    sleep 10
  done
}
