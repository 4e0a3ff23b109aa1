"""Settings files of earlier versions, as they were written then."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from vidcls.files.run_status import SETTINGS_FILE
from vidcls_train.config.legacy import RENAMED
from vidcls_train.config.settings import (
    TrainConfig,
    check_same_run,
    read_settings,
    setting_kinds,
    settings_of,
    train_config,
)

# settings.json of a run of tiny with --epochs 3, by the version before the names of today.
WRITTEN = {
    "data": "clips",
    "output": "run",
    "base": None,
    "preset": "tiny",
    "epochs": 3,
    "max_steps": None,
    "batch_size": 16,
    "learning_rate": 0.002,
    "frames": None,
    "image_size": None,
    "patch_levels": None,
    "clip_seconds": 2.1333333333333333,
    "seed": 0,
    "device": "auto",
    "workers": None,
    "processes": None,
    "cache_gb": 20.0,
    "resume": False,
    "accumulate": 1,
    "gradient_checkpointing": False,
    "precision": "auto",
    "weight_decay": 0.05,
    "layer_decay": 1.0,
    "optimizer": "muon",
    "warmup_share": 0.1,
    "averaging": 0.03,
    "crop_area": 0.4,
    "resize": None,
    "flip": "auto",
    "colour_jitter": 0.4,
    "val_fraction": 0.15,
    "push_to_hub": None,
    "head_only": False,
    "allow_duplicates": False,
    "early_stopping": None,
    "class_weights": "none",
    "label_smoothing": 0.1,
    "drop_path": 0.0,
    "dropout": 0.1,
    "patch_dropout": 0.75,
    "crop_stretch": 1.0,
    "hue_jitter": 0.1,
    "grey_share": 0.2,
    "rand_augment": 0,
    "erasing": 0.0,
    "mixup": 0.8,
    "cutmix": 1.0,
    "pretraining_epochs": 0,
}


def written(folder: Path, **changes: object) -> Path:
    file = folder / SETTINGS_FILE
    file.write_text(json.dumps({**WRITTEN, **changes}), encoding="utf-8")
    return file


def test_a_run_begun_by_an_earlier_version_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    written(tmp_path, processes=2)
    config = train_config({"data": "clips", "output": tmp_path, "preset": "tiny", "epochs": 3, "resume": True})
    check_same_run(config)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    for old, new in RENAMED.items():
        assert f"'{old}' is now called '{new}'" in record.getMessage()
    with pytest.raises(ValueError, match=r"where ema is 0\.03, not 0\.2"):
        check_same_run(
            train_config({**{"data": "clips", "output": tmp_path, "preset": "tiny", "epochs": 3}, "ema": 0.2})
        )


def test_every_setting_of_an_earlier_version_is_read_by_its_new_name(tmp_path: Path) -> None:
    values = {"averaging": 0.2, "accumulate": 3, "warmup_share": 0.3, "crop_area": 0.7, "crop_stretch": 1.5}
    values |= {"colour_jitter": 0.25, "grey_share": 0.35, "erasing": 0.45}
    assert values.keys() == RENAMED.keys()
    read = read_settings(written(tmp_path, **values))
    config = train_config({**read, "data": "clips", "output": "run"})
    assert {RENAMED[name]: value for name, value in values.items()}.items() <= settings_of(config).items()
    assert set(RENAMED.values()) <= setting_kinds(TrainConfig).keys()
    assert not RENAMED.keys() & setting_kinds(TrainConfig).keys()


@pytest.mark.parametrize(("epochs", "warned"), [(0, False), (60, True)])
def test_pretraining_that_is_asked_for_is_left_out_with_a_warning(
    epochs: int, warned: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "own.json"
    file.write_text(json.dumps({"pretraining_epochs": epochs, "processes": 4, "mixup": 0}), encoding="utf-8")
    assert read_settings(file) == {"mixup": 0}
    told = "'pretraining_epochs' is 60, which is left out: run 'vidcls-pretrain' and give its folder to --base"
    assert [told in record.getMessage() for record in caplog.records] == [True] * warned


def test_a_setting_by_both_of_its_names_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "own.json"
    file.write_text('{"ema": 0.1, "averaging": 0.2}', encoding="utf-8")
    with pytest.raises(ValueError, match=r"own\.json: holds 'averaging' and 'ema'"):
        read_settings(file)
