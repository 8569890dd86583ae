#!/usr/bin/env bash
# Prepares Gradescope's image, once for each upload. Runs as root with the network.
set -euo pipefail

root=${GRADESCOPE_ROOT:-/autograder}
source_dir=$root/source

# bubblewrap, where the container allows it, setpriv, prlimit and timeout build the sandbox.
apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
  bubblewrap ca-certificates coreutils python3 python3-venv util-linux

# A new Python, since students' cells may use its syntax: the system's, or else uv brings it. Not below /root, where users
# of the sandbox could not reach it.
python3 -m venv "$root/tools"
"$root/tools/bin/python" -m pip install --quiet --no-cache-dir --constraint "$source_dir/constraints.txt" uv
export UV_PYTHON_INSTALL_DIR=$root/python UV_NO_CACHE=1
"$root/tools/bin/uv" venv --python 3.13 "$root/venv"
# Compiled now: on half a processor, compiling at each submission would take longer than grading.
"$root/tools/bin/uv" pip install --quiet --compile-bytecode --python "$root/venv/bin/python" \
  --constraint "$source_dir/constraints.txt" --requirement "$source_dir/requirements.txt"
"$root/venv/bin/python" -m compileall -q "$source_dir/grading" "$source_dir/labs"
rm -rf "$root/tools"

chmod 755 "$root" "$source_dir"
# Where bubblewrap is forbidden, modes keep secrets from student code.
chmod -R go-rwx "$source_dir/secret" "$source_dir/grading/grade/hidden.py"

# Better a red build than a red class.
cd "$source_dir"
"$root/venv/bin/python" -c 'import grading.gradescope.judge, nbval, onnxruntime'
