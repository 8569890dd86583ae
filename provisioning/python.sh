#!/bin/sh
# Prints the path of the Python that set-up runs with: the given one, else the first that runs and that the pinned
# packages support, else one that uv installs.
# Usage: python.sh [PYTHON]
cd "$(dirname -- "$0")/.." || exit 1

if [ -n "$1" ]; then
  # Its version is judged by set-up, which knows the versions that fit.
  "$1" -c 'import sys; print(sys.executable)' 2> /dev/null && exit
  echo "PYTHON=$1 does not start. Give the path of a Python, or leave PYTHON out, and set-up looks for one." >&2
  exit 1
fi

# A name on the PATH is not yet a Python: pyenv has a program for each version that it knows, and starts only those that
# are selected. The oldest version comes first, since the course is tested with it most.
for name in .venv/bin/python python3.11 python3.12 python3.13 python3.14 python3; do
  if python=$("$name" -m provisioning.computer 2> /dev/null); then
    echo "$python"
    exit
  fi
  # It fits, but cannot make environments: the next one may. If none can, set-up names the package that is missing.
  without_venv=${without_venv:-$python}
done
if [ -n "$without_venv" ]; then
  echo "$without_venv"
  exit
fi

if command -v uv > /dev/null; then
  echo "No Python from 3.11.2 to 3.14 is here; uv installs Python 3.13." >&2
  uv python install --quiet 3.13 && uv python find --system --managed-python 3.13 && exit
  echo "uv could not install it; see the lines above." >&2
fi
cat >&2 << 'TEXT'
Python 3.11.2 to 3.14 is missing, or none of them starts. Get one with:
  Debian, Ubuntu:  sudo apt install python3 python3-venv
  macOS:           brew install python@3.13
  pyenv:           pyenv install 3.13 && pyenv local 3.13
  uv:              uv python install 3.13
  conda:           conda env create -f environment.yml && conda activate model-serving-labs
Then run the same command again, or name a Python: make PYTHON=/path/to/python3.13 setup
TEXT
exit 1
