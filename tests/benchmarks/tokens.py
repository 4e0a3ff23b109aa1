"""What fewer tokens save: python tests/benchmarks/tokens.py [--preset base] [--runs 5]

`engines.py` with the contenders that matter here, in one run: vidcls with all tokens, a half, a quarter and an eighth,
in fp32 and int8, through the model and from the file, beside Optimum, OpenVINO and PyTorch. Random weights: the times
say nothing of accuracy, which `token_accuracy.py` measures.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.engines import CONTENDERS, main

# The others say nothing of tokens; bf16 takes a minute an answer on a processor without it.
LEFT_OUT = ("Hugging Face pipeline", "PyTorch bf16", "OpenVINO bf16", "vidcls fp16", "vidcls int8 portable, openvino")

if __name__ == "__main__":
    chosen = [name for name in CONTENDERS if name not in LEFT_OUT]
    main([*(part for name in chosen for part in ("--only", name)), *sys.argv[1:]])
