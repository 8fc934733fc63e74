#!/usr/bin/env bash
# Have an Ollama server with a model beside this project: use the one that answers, else start a native one
# or the container, wait for it, pull the model and ask it something.
#
#   scripts/deploy_ollama.sh [MODEL]       default: OLLAMA_MODEL, else llama3.2:1b
#
# Safe to run again: what is there already is left as it is.
#   OLLAMA_HOST=host:port     where it is or shall be (default 127.0.0.1:11434)
#   OLLAMA_WAIT=SECONDS       how long to wait for a server that was started (default 60)
set -euo pipefail
cd "$(dirname "$0")/.."
# What runs on this machine is asked without a proxy.
export no_proxy="${no_proxy:-${NO_PROXY:-}},localhost,127.0.0.1,::1"
export NO_PROXY=$no_proxy

case "${1:-}" in
  -h | --help) sed -n '2,9s/^# \{0,1\}//p' scripts/deploy_ollama.sh; exit 0 ;;
esac
model=${1:-${OLLAMA_MODEL:-llama3.2:1b}}
address=${OLLAMA_HOST:-127.0.0.1:11434}
log=

say() { printf '== %s\n' "$*"; }
fail() { printf 'error: %s\n  what to do: %s\n' "$1" "$2" >&2; exit 2; }
answers() { curl -sf --max-time 3 "$url/api/version" >/dev/null; }
has_model() { curl -sf --max-time 10 "$url/api/tags" | grep -q "\"name\": *\"$model\(:latest\)\{0,1\}\""; }

command -v python3 >/dev/null || fail "python3 is not installed." "Install Python 3.11 or newer."
# The server reads the address in the same way.
url=$(python3 -c 'import sys; from localqa.ollama.address import server_url; print(server_url(sys.argv[1]))' "$address" 2>/dev/null) ||
  fail "OLLAMA_HOST=$address is no address." "Give it as host:port or http://host:port."
command -v curl >/dev/null || fail "curl is not installed." "On Debian and Ubuntu: apt install curl."

start() {
  case "$url" in
    http://127.0.0.1:* | http://localhost:* | "http://[::1]:"*) ;;
    *) fail "$url does not answer, and it is another machine's." "Start Ollama there, or correct OLLAMA_HOST." ;;
  esac
  if command -v ollama >/dev/null; then
    # A file of its own: nothing that has the name already is written over.
    log=$(mktemp "${TMPDIR:-/tmp}/localqa-ollama.log.XXXXXX")
    say "starting the ollama that is installed here (its log: $log)"
    OLLAMA_HOST=${url#*://} nohup ollama serve >"$log" 2>&1 &
    how="a native server, started now"
  elif [ "${url##*:}" = 11434 ] && docker compose version >/dev/null 2>&1; then
    say "starting the container"
    docker compose -f docker/docker-compose.yml -f docker/docker-compose.ollama.yml up --detach ollama
    how="a container, started now"
  else
    fail "nothing answers at $url, and there is neither ollama nor docker compose to start one with." \
      "Install Ollama from https://ollama.com/download, or set OLLAMA_HOST to a server that runs."
  fi
  for _ in $(seq "${OLLAMA_WAIT:-60}"); do
    if answers; then return; fi
    sleep 1
  done
  fail "the server at $url did not answer within ${OLLAMA_WAIT:-60} seconds." "See ${log:-docker compose logs ollama}."
}

# One line per state, and the share of a download that is done. The last line of the stream says success.
pull() {
  say "pulling $model"
  curl -sS -N "$url/api/pull" -d "{\"model\": \"$model\"}" | python3 -u -c '
import json, sys
last, state = "", {}
for line in sys.stdin:
    state = json.loads(line)
    if "error" in state:
        break
    total = state.get("total")
    done = state.get("completed", 0)
    share = f" {100 * done // total} %" if total else ""
    text = state.get("status", "") + share
    if text != last:
        print(f"   {text}", end="\n" if not share or share == " 100 %" else "\r", flush=True)
        last = text
if state.get("status") != "success":
    sys.exit("   " + state.get("error", "the download broke off"))
' || fail "$model could not be pulled." "Check the name at https://ollama.com/library and the network, then run this again."
}

how="a server that was there already"
answers || start
pulled="was there already"
if ! has_model; then
  pull
  has_model || fail "the server does not list $model after pulling it." "See its log."
  pulled="was pulled now"
fi

say "asking $model"
answer=$(curl -sf --max-time 300 "$url/api/generate" -d \
  "{\"model\": \"$model\", \"prompt\": \"Say hello.\", \"stream\": false, \"options\": {\"num_predict\": 16}}") ||
  fail "$model does not answer." "See the log of the Ollama server."
case "$answer" in *'"response":'*) ;; *) fail "$model gave no answer: $answer" "See the log of the Ollama server." ;; esac

say "done: $how at $url; $model $pulled and answers"
echo "   Serve with it:  OLLAMA_HOST=${url#http://} OLLAMA_MODEL=$model make serve"
