#!/usr/bin/env bash
# The whole way for a field of one's own, without any download: make up a field of 2,000 questions, train an
# adapter on it, compare it with the general one on questions it has not seen, serve both, ask both.
#
#   scripts/demo_domain.sh              about five minutes on two cores; needs `make setup`
#
# Safe to run again: what is done already is not done again.
set -euo pipefail
cd "$(dirname "$0")/.."
# What runs on this machine is asked without a proxy.
export no_proxy="${no_proxy:-${NO_PROXY:-}},localhost,127.0.0.1,::1"
export NO_PROXY=$no_proxy
case "${1:-}" in
  -h | --help) sed -n '2,7s/^# \{0,1\}//p' scripts/demo_domain.sh; exit 0 ;;
esac
python=${VENV:-.venv}/bin/python
data=data/generated/appliances.jsonl
url=http://127.0.0.1:${PORT:-5055}

say() { printf '\n== %s\n' "$*"; }
[ -x "$python" ] || { echo "error: there is no $python.  what to do: make setup" >&2; exit 2; }

if [ ! -f "$data" ]; then
  say "a made-up field: manuals of appliances that do not exist"
  mkdir -p data/generated
  "$python" scripts/make_dataset.py "$data" --questions 2000
fi

say "preprocess, train, evaluate, report"
"$python" fine_tune.py configs/domain_example.json

say "serve both adapters"
QA_PORT=${url##*:} QA_LOG_LEVEL=warning QA_OLLAMA=off "$python" -m gunicorn -c docker/gunicorn.conf.py 'app:create_app()' &
server=$!
trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null || true' EXIT
for _ in $(seq 120); do curl -sf "$url/readyz" >/dev/null && break; sleep 0.5; done

ask() {
  printf '\n%s\n' "$1"
  for adapter in squad appliances; do
    body=$("$python" -c 'import json, sys; print(json.dumps(dict(zip(("question", "context", "adapter"), sys.argv[1:]))))' \
      "$1" "$2" "$adapter")
    curl -sf "$url/api/qa" -H 'Content-Type: application/json' -d "$body" |
      "$python" -c 'import json, sys
found = json.load(sys.stdin)
print("  {:8} {}  [{:.2f}]".format(found["adapter"], found["answer"] or "(not answerable)", found["score"]))'
  done
}

page="The Corbel 420 is a kettle; it replaces the Solmer 310. The Solmer 310 drew 1800 W. Rated input: 1500 W. \
Code F12: rinse the sieve under warm water. Code F31: open the side flap and reseat the plug. Not covered: damage by lime."
say "one page, asked of both"
echo "$page"
ask "How is fault F31 cleared?" "$page"
ask "How much power does the Corbel 420 draw?" "$page"
ask "How loud is the Corbel 420?" "$page"
