"""What is no base, by its name and its folder; of one on the hub see tests/sdk/test_hub.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidcls.errors import ModelError
from vidcls_train.preflight.base import check_base


def test_other_kinds_of_checkpoints_are_left_to_those_who_load_them(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").touch()
    check_base(str(tmp_path))


def test_a_base_on_the_hub_without_a_network_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    told = r"vidcls-tests/none: .*give --base FOLDER, or train what needs no hub: --base vidcls/tiny or --preset tiny$"
    with pytest.raises(ModelError, match=told):
        check_base("vidcls-tests/none")
