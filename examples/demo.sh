#!/usr/bin/env bash
# The whole way, on data made on the spot, into .demo: make demo   (or examples/demo.sh with vidcls installed)
set -euo pipefail
cd "$(dirname "$0")/.."

step() {
    printf '\n$ %s\n' "$*"
    "$@"
}

rm -rf .demo
mkdir .demo
# Decoded clips too: they are of no use to anyone once the data is made anew.
export XDG_CACHE_HOME="$PWD/.demo/cache"

step python examples/motion_dataset.py .demo/data --test-per-class 40
# Two clips mixed into one would move in two ways.
echo '{"mixup": 0, "cutmix": 0}' > .demo/settings.json
step vidcls-train .demo/data -o .demo/checkpoint --preset tiny --image-size 32 --flip off --color-jitter 0 \
    --epochs 5 --batch-size 32 --settings .demo/settings.json
step vidcls-export .demo/checkpoint -o .demo/model.onnx --check .demo/data/test
step vidcls verify .demo/model.onnx
step vidcls evaluate .demo/model.onnx .demo/data/test
step vidcls predict .demo/model.onnx .demo/data/test/left/left_0000.avi

printf '\n'
python - <<'PYTHON'
import json
from pathlib import Path

from vidcls import VideoClassifier

classifier = VideoClassifier(".demo/model.onnx")
parity = classifier.contract.parity
prediction = classifier.predict(".demo/data/test/left/left_0000.avi")
metrics = json.loads(Path(".demo/checkpoint/metrics.json").read_text(encoding="utf-8"))

test = metrics["test"]
low, high = test["top1_interval"]
print(f"test top-1 {test['top1']:.2f} ({low:.2f} to {high:.2f}) on {test['videos']} videos")
print(
    f"parity with PyTorch: top-1 agreement {parity.top1_agreement:.4f}, largest logit difference "
    f"{parity.max_abs_logit_diff:.1e}, on {parity.videos} videos"
)
print(f"left_0000.avi: {prediction.label} {prediction.score:.2f}")
PYTHON
