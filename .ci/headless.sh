#!/usr/bin/env bash
# Let opencv-python-headless take the place of opencv-python in an environment where that cannot be imported.
# .ci/headless.sh ENVIRONMENT [OPTION OF PIP INSTALL]...
set -euo pipefail
python=$1/bin/python
shift
"$python" -c 'import cv2' 2>/dev/null && exit
echo "no libGL here: opencv-python-headless takes the place of opencv-python"
"$python" -m pip --disable-pip-version-check uninstall -qq --yes opencv-python
"$python" -m pip --disable-pip-version-check install -qq "$@" opencv-python-headless
"$python" -c 'import cv2'
