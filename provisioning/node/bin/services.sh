#!/usr/bin/env bash
# Starts Jupyter; leaves one that runs already alone.
# Usage: services.sh MACHINE PART BIND PORT
# BIND is 127.0.0.1 unless opening was asked for; the token is read from ~/.serving-labs/jupyter-token.
set -euo pipefail

bind=$3
port=$4
root="$HOME/serving-labs"
own="$HOME/.serving-labs"
python="$own/venv/bin/python"
token=$(cat "$own/jupyter-token")
# Where Jupyter lives behind a Hub's proxy, and where a browser finds the lessons' ports (provisioning/setup/reach.py). The proxy
# passes the browser's Host on, and Jupyter answers to names that it knows; its cookie must not be the Hub's.
base=$(cat "$own/jupyter-base" 2> /dev/null || echo /)
names=(--ServerApp.local_hostnames=localhost)
if [[ $base == */absolute/* ]]; then
  names+=(--ServerApp.local_hostnames=jupyter.chameleoncloud.org --IdentityProvider.cookie_name=serving-labs-machine)
  export SERVING_LABS_LINKS="${base%absolute/*}1{port}/"
elif [[ -z ${REHEARSAL_MACHINE:-} ]]; then
  export SERVING_LABS_LINKS="http://127.0.0.1:1{port}/"
fi
# The lessons' cache is the data volume (data.sh); a rehearsed machine leaves the laptop's own where it is.
if [[ -z ${REHEARSAL_MACHINE:-} ]]; then export SERVING_LABS_CACHE="$HOME/data"; fi

answers() {
  # By curl's standard input: its command line would show the token to every user of the machine.
  printf 'header = "Authorization: token %s"\n' "$token" |
    curl -fsS --max-time 5 --config - "http://127.0.0.1:$1${base}api/status" > /dev/null 2>&1
}
taken() {
  "$python" -c 'import socket, sys; s = socket.socket(); sys.exit(s.connect_ex(("127.0.0.1", int(sys.argv[1]))) != 0)' "$1"
}

starts() {
  # Noted first: a step that is stopped meanwhile finds this Jupyter again instead of starting another.
  echo "$1" > "$own/jupyter-port"
  # The token goes in by the environment, so that `ps` shows it to nobody. Jupyter outlives this step, and so it must not
  # hold the step's lock (setup/jobs.py).
  JUPYTER_TOKEN=$token nohup "$own/venv/bin/jupyter" lab --no-browser --ServerApp.ip="$bind" --ServerApp.port="$1" \
    --ServerApp.port_retries=0 --ServerApp.root_dir="$root" --ServerApp.allow_root=True \
    --ServerApp.base_url="$base" "${names[@]}" \
    > "$own/jupyter.log" 2>&1 < /dev/null 9>&- &
  echo $! > "$own/jupyter.pid"
  for _ in $(seq 120); do
    if answers "$1"; then return 0; fi
    if ! kill -0 "$(cat "$own/jupyter.pid")" 2> /dev/null; then return 1; fi
    sleep 0.5
  done
  return 1
}

if [[ -f $own/jupyter-port ]] && answers "$(cat "$own/jupyter-port")"; then
  port=$(cat "$own/jupyter-port")
  echo "Jupyter answers on port $port already"
else
  # Another program may have the port, and in rehearsal all machines share one loopback: two may even choose the same
  # one in the same second, and the later Jupyter finds it taken. Then it is the next one's turn.
  last=$((port + 200))
  mkdir -p "$root/notebooks"
  rm -f "$own/jupyter.log"
  until ! taken "$port" && starts "$port"; do
    if [[ -f $own/jupyter.log ]] && ! grep -q -e 'already in use' -e 'no available port' "$own/jupyter.log"; then
      echo "Jupyter did not start; the end of its log:" >&2
      tail -n 15 "$own/jupyter.log" >&2
      exit 70
    fi
    port=$((port + 1))
    if ((port > last)); then
      echo "no free port between $4 and $last" >&2
      exit 98
    fi
  done
  echo "Jupyter answers on $bind:$port"
fi
echo "report jupyter_port=$port"

if [[ $bind != 127.0.0.1 && -z ${REHEARSAL_MACHINE:-} ]] && command -v firewall-cmd > /dev/null 2>&1; then
  # Bare metal has no security groups: the host's own firewall decides. Not permanent on purpose.
  sudo firewall-cmd --zone=public --add-port="$port/tcp"
fi
