# shellcheck shell=sh disable=SC2154,SC2086 # own/place.py puts the words in front, and $commands is several words
# What a machine is, in lines `saw KEY VALUE`, before anything is made on it.
export LC_ALL=C
say() { if [ -n "$2" ]; then echo "saw $1 $2"; fi; }
say system "$(sed -n 's/^PRETTY_NAME="\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' /etc/os-release 2> /dev/null || true)"
say kernel "$(uname -srm)"
say processor "$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo 2> /dev/null | head -n 1)"
say threads "$(nproc 2> /dev/null)"
say memory_gb "$(awk '/^MemTotal/ { print int($2 / 1048576 + 0.5) }' /proc/meminfo 2> /dev/null)"
say home "$HOME"
say free_gb "$(df -Pk "$HOME" 2> /dev/null | awk 'NR == 2 { print int($4 / 1048576) }')"
for name in $commands; do
  if ! command -v "$name" > /dev/null 2>&1; then say lacks "$name"; fi
done
if command -v uv > /dev/null 2>&1; then say uv yes; fi
if python3 -Bc 'import ensurepip, venv' 2> /dev/null; then say venv yes; fi
if [ -n "${REHEARSAL_MACHINE:-}" ]; then
  say gpu "rehearsed: none is looked for"
else
  nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader 2> /dev/null |
    sed -n 's/^\([^,]*, [^,]*, [0-9.]*\)$/saw gpu \1/p'
  if [ -w /dev/kfd ]; then
    rocm-smi --showproductname 2> /dev/null | sed -n 's/^GPU\[[0-9]*\][^:]*: *Card [Ss]eries:[[:space:]]*/saw amd /p'
  fi
  # With -k it leaves no note about this account in /run/sudo.
  if sudo -nk true 2> /dev/null; then say sudo yes; fi
  if docker info > /dev/null 2>&1 || sudo -nk docker info > /dev/null 2>&1; then say docker yes; fi
fi
if [ -f "$HOME/$folder/$mark" ]; then
  say folder ours
elif [ -n "$(ls -Ad "$HOME/$folder/"* "$HOME/$folder/".[!.]* 2> /dev/null)" ] || [ -f "$HOME/$folder" ]; then
  say folder "not ours"
fi
