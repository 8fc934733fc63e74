#!/usr/bin/env bash
# Take out of a virtual environment what a serving container never runs: pip, caches, tests, and the parts of
# OpenVINO for other devices and for formats that are not read here.
#
#   trim_environment.sh VENV
set -euo pipefail
venv=${1:?usage: trim_environment.sh VENV}
site=$(echo "$venv"/lib/python3.*/site-packages)
libs=$site/openvino/libs
[ -f "$venv/pyvenv.cfg" ] || { echo "error: $venv is no virtual environment." >&2; exit 2; }

"$venv/bin/python3" -m pip uninstall --quiet --yes pip setuptools 2>/dev/null || true
rm -rf "$site"/pip "$site"/setuptools "$site"/_distutils_hack
rm -f "$libs"/libopenvino_intel_{gpu,npu}_plugin.so* "$libs"/cache.json
rm -f "$libs"/libopenvino_{auto,auto_batch,hetero}_plugin.so*
rm -f "$libs"/libopenvino_{pytorch,tensorflow,tensorflow_lite,paddle,onnx,jax,gguf}_frontend.so*
find "$site" -depth -type d \( -name __pycache__ -o -name tests \) -exec rm -rf {} +
