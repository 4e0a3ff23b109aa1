"""The contract is read strictly: nothing missing, nothing unknown, nothing out of range, and never a default."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from generated import CHECKPOINT_SECTIONS, contract_fields
from vidcls import ModelContract, ModelError
from vidcls.contract import NEUTRAL, Contract, Reject, from_json, read_checkpoint, to_json

# What is unknown, was not measured or was not fitted is null; nothing else is.
NULLABLE = {
    ("source", "clips"),
    ("decision", "none_label"),
    ("decision", "reject"),
    ("decision", "reject", "false_accepted"),
    ("decision", "operating_points"),
    ("decision", "events"),
    ("decision", "events", "false_alarms_per_hour"),
    ("decision", "fitted_on"),
    ("source", "base"),
    ("source", "base_license"),
    ("source", "data"),
    ("accuracy",),
    ("parity",),
    ("parity", "accuracy_pytorch"),
    ("parity", "accuracy_onnx"),
}
FREE_OBJECTS = {
    ("source", "data"),
    ("source", "versions"),
    ("decision", "operating_points"),
}  # their keys are names, not fields


def complete_fields() -> dict[str, Any]:
    fields = contract_fields()
    fields["self_test"]["logits"] = [0.5, -1.25, 3.0, 0.0]
    train, val = (base64.b64encode(bytes(range(16 * count))).decode() for count in (4, 2))
    fields["source"]["clips"] = {"algorithm": "dct-1", "train": train, "val": val}
    fields["decision"] = {
        "activation": "softmax",
        "temperature": 1.37,
        "none_label": "wave",
        "reject": {"score": "max_probability", "threshold": 0.41, "accepted": 0.95, "false_accepted": 0.11},
        "operating_points": {"jump": {"probability": 0.71, "precision": 0.93, "recall": 0.81}, "clap": None},
        "events": {"on": 0.6, "off": 0.4, "min_seconds": 1.0, "change_cost": 5.0, "false_alarms_per_hour": 0.4},
        "fitted_on": {"split": "val", "videos": 31, "views": 1, "crops": 1, "precision": "fp32"},
    }
    return fields


def field_paths(section: dict[str, Any], parents: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, value in section.items():
        yield (*parents, name)
        if isinstance(value, dict) and (*parents, name) not in FREE_OBJECTS:
            yield from field_paths(value, (*parents, name))


ALL_FIELDS = sorted(field_paths(complete_fields()))
SECTIONS = [(), *(path for path in ALL_FIELDS if path in {parent[:-1] for parent in ALL_FIELDS})]


def section_of(fields: dict[str, Any], path: tuple[str, ...]) -> Any:
    for name in path:
        fields = fields[name]
    return fields


def changed(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    fields = complete_fields()
    section_of(fields, path[:-1])[path[-1]] = value
    return fields


def read(fields: dict[str, Any]) -> ModelContract:
    return from_json(ModelContract, json.dumps(fields), where="some/model.onnx")


def refusal(fields: dict[str, Any]) -> str:
    with pytest.raises(ModelError) as caught:
        read(fields)
    message = str(caught.value)
    assert message.startswith("some/model.onnx: ")
    assert "\n" not in message
    return message


def name_of(path: tuple[str, ...]) -> str:
    return ".".join(path)


def test_a_complete_contract_is_read_field_by_field() -> None:
    fields = complete_fields()
    assert json.loads(to_json(read(fields))) == fields


def test_a_contract_survives_writing_and_reading() -> None:
    contract = read(labelled(["été", "左", 'quo"te', "👨‍👩‍👧 ~\u200f"]))
    assert from_json(ModelContract, to_json(contract), where="again") == contract


def test_a_written_contract_is_the_json_it_was_read_from() -> None:
    fields = changed(("sampling", "clip_seconds"), 64 / 30)
    assert json.loads(to_json(read(fields))) == fields


@pytest.mark.parametrize("path", ALL_FIELDS, ids=name_of)
def test_a_missing_field_is_named(path: tuple[str, ...]) -> None:
    fields = complete_fields()
    del section_of(fields, path[:-1])[path[-1]]
    assert f"'{name_of(path)}'" in refusal(fields)


@pytest.mark.parametrize("path", SECTIONS, ids=name_of)
def test_an_unknown_field_is_named(path: tuple[str, ...]) -> None:
    fields = complete_fields()
    section_of(fields, path)["extra"] = 1
    message = refusal(fields)
    assert f"'{name_of((*path, 'extra'))}'" in message
    assert "unknown" in message


@pytest.mark.parametrize("path", ALL_FIELDS, ids=name_of)
def test_only_the_documented_fields_may_be_null(path: tuple[str, ...]) -> None:
    fields = changed(path, None)
    if path in NULLABLE:
        assert section_of(dataclasses.asdict(read(fields)), path) is None
    elif path == ("format",):
        assert "upgrade vidcls" in refusal(fields)
    else:
        assert f"'{name_of(path)}'" in refusal(fields)


WRONG_TYPES: dict[type, list[Any]] = {
    str: [3, True, ["x"], {"x": "y"}],
    bool: [0, 1, "true"],
    int: [1.0, "1", True, False, [1]],
    float: ["0.5", True, [0.5]],
    list: ["abc", {"0": "abc"}, 3],
    dict: [[], "abc", 3, True],
}


@pytest.mark.parametrize("path", [path for path in ALL_FIELDS if path != ("format",)], ids=name_of)
def test_a_value_of_another_type_is_named(path: tuple[str, ...]) -> None:
    for value in WRONG_TYPES[type(section_of(complete_fields(), path))]:
        assert f"'{name_of(path)}'" in refusal(changed(path, value))


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (("labels",), ["a", "b", "c", 4], "labels[3]"),
        (("image", "mean"), [0.1, "0.2", 0.3], "image.mean[1]"),
        (("image", "std"), [0.1, 0.2, True], "image.std[2]"),
        (("self_test", "logits"), [1.0, 2.0, None, 4.0], "self_test.logits[2]"),
        (("source", "versions"), {"torch": 2.14}, "source.versions.torch"),
        (("source", "data"), {"train": 1.5}, "source.data.train"),
    ],
)
def test_an_entry_of_another_type_is_named(path: tuple[str, ...], value: Any, named: str) -> None:
    assert f"'{named}'" in refusal(changed(path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("labels",), []),
        (("labels",), ["clap", "jump", "clap", "wave"]),
        (("sampling", "rule"), "random"),
        (("sampling", "frames"), 0),
        (("sampling", "frames"), -4),
        (("sampling", "clip_seconds"), 0),
        (("sampling", "clip_seconds"), -0.5),
        (("sampling", "clip_seconds"), 10**400),
        (("image", "resize"), "longest_edge"),
        (("image", "resize_size"), 31),
        (("image", "crop_size"), 0),
        (("image", "crop_size"), -1),
        (("image", "interpolation"), "bicubic"),
        (("image", "antialias"), False),
        (("image", "channels"), "bgr"),
        (("image", "mean"), [0.5, 0.5]),
        (("image", "std"), [0.2, 0.2, 0.2, 0.2]),
        (("image", "std"), [0.2, 0, 0.2]),
        (("image", "std"), [0.2, -0.2, 0.2]),
        (("source", "checkpoint_sha256"), "ab" * 31),
        (("source", "checkpoint_sha256"), "AB" * 32),
        (("source", "checkpoint_sha256"), "xy" * 32),
        (("accuracy", "top1"), 1.01),
        (("accuracy", "top5"), -0.01),
        (("accuracy", "videos"), 0),
        (("accuracy", "views"), 0),
        (("accuracy", "crops"), 2),
        (("model", "precision"), "fp64"),
        (("model", "graph"), "tensorrt"),
        (("model", "opset"), 0),
        (("model", "input", "dtype"), "float16"),
        (("model", "input", "layout"), "BCTHW"),
        (("model", "output", "dtype"), "float16"),
        (("model", "file_sha256"), ""),
        (("parity", "videos"), 0),
        (("parity", "top1_agreement"), 1.5),
        (("parity", "max_abs_logit_diff"), -1),
        (("parity", "mean_abs_logit_diff"), -1),
        (("parity", "accuracy_pytorch"), 2),
        (("parity", "accuracy_onnx"), -1),
        (("self_test", "input"), "pattern-2"),
        (("self_test", "tolerance"), 0),
        (("self_test", "tolerance"), -0.1),
        (("self_test", "logits"), [0.5, 1.0, 2.0]),
    ],
    ids=lambda value: name_of(value) if isinstance(value, tuple) else None,
)
def test_a_value_out_of_range_is_named(path: tuple[str, ...], value: Any) -> None:
    assert f"'{name_of(path)}" in refusal(changed(path, value))


# Of every number: the field, the smallest and largest values that are read, and those that are not any more.
EDGES: list[tuple[tuple[str, ...], list[Any], list[Any]]] = [
    (("sampling", "frames"), [1, 1024], [0, 1025, 10**30]),
    (("sampling", "clip_seconds"), [0.01, 3600], [0.0099, 3600.1, 1e-9, 1e30]),
    (("image", "resize_size"), [32, 4096], [15, 4097, 10**30]),
    (("image", "crop_size"), [16, 32], [15, 4097]),
    (("image", "mean"), [[0, 0, 0], [1, 1, 1]], [[-0.01, 0, 0], [0, 0, 1.01], [1e30, 0, 0]]),
    (("image", "std"), [[1 / 255] * 3, [1, 1, 1]], [[1e-9, 1, 1], [1, 1, 101]]),
    (("source", "data"), [{}, {"train": 0, "x": 10**9}], [{"train": 10**9 + 1}, {str(n): 1 for n in range(101)}]),
    (("source", "versions"), [{}, {"x" * 256: "y"}], [{str(n): "1" for n in range(101)}, {"x" * 257: "y"}, {"x": ""}]),
    (("source", "architecture"), ["x", "x" * 256], ["", "x" * 257, "a\nb"]),
    (("source", "base"), ["x" * 4096], ["", "x" * 4097, "a\u2028b"]),
    (("source", "base_license"), ["x" * 256], ["", "x" * 257]),
    (("source", "created"), ["x" * 256], ["", "x" * 257]),
    (("accuracy", "split"), ["x" * 256], ["", "x" * 257]),
    (("accuracy", "videos"), [1, 10**9], [0, 10**9 + 1]),
    (("accuracy", "views"), [1, 10_000], [0, 10_001]),
    (("accuracy", "top1"), [0, 1], [-1e-9, 1 + 1e-9]),
    (("model", "opset"), [1, 1000], [0, 1001]),
    (("model", "input", "name"), ["x" * 256], ["", "x" * 257]),
    (("model", "output", "name"), ["x" * 256], ["", "x" * 257]),
    (("parity", "videos"), [1, 10**9], [0, 10**9 + 1]),
    (("parity", "max_abs_logit_diff"), [0, 1e9], [-1e-9, 1.1e9]),
    (("parity", "accuracy_onnx"), [0, 1], [-0.1, 1.1]),
    (("self_test", "height"), [1, 4096], [0, 4097]),
    (("self_test", "width"), [1, 4096], [0, 4097]),
    (("self_test", "logits"), [[1e9] * 4, [-1e9] * 4], [[1.1e9] * 4, [0.5] * 10_001]),
    (("self_test", "tolerance"), [1e-9, 1e9], [0, 1.1e9]),
]


@pytest.mark.parametrize(
    ("path", "read_values", "refused"), EDGES, ids=lambda value: name_of(value) if isinstance(value, tuple) else ""
)
def test_every_number_and_text_has_its_range(path: tuple[str, ...], read_values: list[Any], refused: list[Any]) -> None:
    for value in read_values:
        read(changed(path, value))
    for value in refused:
        message = refusal(changed(path, value))
        assert path[-1] in message
        assert "expected" in message
        assert len(message) < 600


def labelled(labels: list[str]) -> dict[str, Any]:
    """Of other labels, which nothing was decided for."""
    fields = complete_fields()
    fields.update(labels=labels, decision=contract_fields()["decision"])
    fields["self_test"]["logits"] = [0.5] * len(labels)
    return fields


def test_labels_have_a_number_and_a_length() -> None:
    assert len(read(labelled([str(number) for number in range(10_000)])).labels) == 10_000
    assert "'labels' has 10,001 entries, expected 1 to 10,000" in refusal(labelled([str(n) for n in range(10_001)]))
    assert read(labelled(["左" * 256])).labels == ("左" * 256,)
    assert "'labels[0]' has 257 characters ('左左" in refusal(labelled(["左" * 257]))
    assert "'labels[1]' is ''" in refusal(labelled(["a", ""]))


@pytest.mark.parametrize(
    "label", ["été", "左へ", "שמאלה", "नमस्ते", "👨‍👩‍👧", "🏳️‍🌈", "a\u200fb", 'quo"te', "=1+1", "--> <b>|`"]
)
def test_every_script_and_emoji_is_a_label(label: str) -> None:
    assert read(labelled([label])).labels == (label,)


@pytest.mark.parametrize(
    "part", ["\n", "\r", "\t", "\0", "\x1b[2J", "\x7f", "\x85", "\u2028", "\u202e", "\u2066", "\ud800"]
)
def test_no_text_holds_a_control_character(part: str) -> None:
    expected = "expected 1 to 256 characters, no control character among them"
    assert expected in refusal(labelled([f"a{part}b"]))
    for path in [("source", "created"), ("accuracy", "split"), ("model", "input", "name")]:
        assert expected in refusal(changed(path, f"a{part}b"))
    assert "a key of source.versions" in refusal(changed(("source", "versions"), {f"a{part}": "1"}))


@pytest.mark.parametrize("path", ALL_FIELDS, ids=name_of)
def test_whatever_a_field_holds_it_is_refused_in_one_bounded_sentence(path: tuple[str, ...]) -> None:
    for value in ["x" * 100_000, ["x"] * 20_000, {"x" * 100_000: "\x1b[2J"}, 10**900, [[[["\n"]]]] * 1000]:
        message = refusal(changed(path, value))
        assert len(message) < 1000
        assert message.isprintable()


def test_a_clip_of_gigabytes_is_refused() -> None:
    fields = complete_fields()
    fields["sampling"]["frames"] = 1024
    fields["image"].update(resize_size=256, crop_size=256)
    fields["self_test"].update(height=240, width=320)
    assert read(fields).sampling.frames == 1024
    fields["image"].update(resize_size=257, crop_size=257)
    assert "'sampling.frames' times 'image.crop_size' squared is 67,634,176, expected at most 67,108,864" in refusal(
        fields
    )
    fields["image"].update(resize_size=32, crop_size=32)
    fields["self_test"].update(height=4096, width=4096)
    assert "'self_test.height' times 'self_test.width' times 'sampling.frames' is 17,179,869,184" in refusal(fields)


@pytest.mark.parametrize("digits", [1001, 5_000_000])
def test_a_number_of_many_digits_is_not_worked_out(digits: int) -> None:
    text = json.dumps(changed(("model", "opset"), "HUGE")).replace('"HUGE"', "9" * digits)
    with pytest.raises(ModelError, match=rf"^m\.onnx: .*not valid JSON \(a number has {digits:,} digits\)"):
        from_json(ModelContract, text, where="m.onnx")


@pytest.mark.parametrize("before", [0, 100_000])
def test_a_key_that_stands_twice_is_named_at_once(before: int) -> None:
    many = "".join(f'"{number}":0,' for number in range(before))
    text = json.dumps(complete_fields()).replace('"rule"', f'{many}"a\\n": 1, "a\\n": 2, "rule"')
    with pytest.raises(ModelError, match=r'^m\.onnx: .*the key "a\\n" stands twice in one object'):
        from_json(ModelContract, text, where="m.onnx")


@pytest.mark.parametrize("field", ["height", "width"])
def test_a_self_test_without_pixels_is_refused(field: str) -> None:
    assert f"'self_test.{field}'" in refusal(changed(("self_test", field), 0))


@pytest.mark.parametrize("image", [{"resize_size": 40, "crop_size": 32}, {"resize_size": 32, "crop_size": 40}])
def test_a_stretching_model_has_one_size(image: dict[str, int]) -> None:
    fields = complete_fields()
    fields["image"].update(image, resize="stretch")
    assert "'image.resize_size'" in refusal(fields)


@pytest.mark.parametrize(
    ("dtype", "layout", "normalised"),
    [("float32", "BTHWC", True), ("float32", "BTCHW", False), ("uint8", "BTCHW", False), ("uint8", "BTHWC", True)],
)
def test_only_the_two_documented_kinds_of_input_exist(dtype: str, layout: str, normalised: bool) -> None:
    fields = complete_fields()
    fields["model"]["input"].update(dtype=dtype, layout=layout, normalised=normalised)
    assert "'model.input'" in refusal(fields)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_have_are_refused(constant: str) -> None:
    text = json.dumps(complete_fields()).replace('"clip_seconds": 0.8', f'"clip_seconds": {constant}')
    with pytest.raises(ModelError, match=r"^m\.onnx: .*not valid JSON.*export the model again"):
        from_json(ModelContract, text, where="m.onnx")


@pytest.mark.parametrize("path", [("sampling", "clip_seconds"), ("self_test", "tolerance"), ("accuracy", "top1")])
def test_numbers_too_large_for_a_float_are_refused(path: tuple[str, ...]) -> None:
    text = json.dumps(changed(path, "HUGE")).replace('"HUGE"', "1e999")
    with pytest.raises(ModelError, match=rf"^m\.onnx: .*'{name_of(path)}'"):
        from_json(ModelContract, text, where="m.onnx")


@pytest.mark.parametrize("version", [0, 3, "1", "2", 1.0, 1.5, True, [1], None])
def test_another_format_asks_to_upgrade(version: Any) -> None:
    message = refusal(changed(("format",), version))
    assert repr(version) in message
    assert "upgrade vidcls" in message


def test_a_newer_format_asks_to_upgrade_whatever_else_it_holds() -> None:
    assert "upgrade vidcls" in refusal({"format": 3, "something": "new"})


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"text"', "[" * 100_000, "{'format': 1}", "{}"])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match=r"^m\.onnx: "):
        from_json(ModelContract, text, where="m.onnx")


def test_whole_numbers_are_read_as_floats_where_floats_belong() -> None:
    contract = read(changed(("sampling", "clip_seconds"), 2))
    assert isinstance(contract.sampling.clip_seconds, float)


def test_a_contract_cannot_be_made_in_code_with_values_it_would_not_read() -> None:
    contract = read(complete_fields())
    with pytest.raises(ValueError, match="labels"):
        dataclasses.replace(contract, labels=("twice", "twice", "a", "b"))


def write_checkpoint_contract(folder: Path, fields: dict[str, Any]) -> Path:
    (folder / "vidcls.json").write_text(json.dumps(fields), encoding="utf-8")
    return folder


def test_a_checkpoint_holds_the_contract_up_to_accuracy(tmp_path: Path) -> None:
    fields = {name: value for name, value in complete_fields().items() if name in CHECKPOINT_SECTIONS}
    contract = read_checkpoint(write_checkpoint_contract(tmp_path, fields))
    assert type(contract) is Contract
    assert json.loads(to_json(contract)) == fields


@pytest.mark.parametrize("section", ["model", "parity", "self_test"])
def test_a_checkpoint_with_sections_of_an_exported_file_is_refused(tmp_path: Path, section: str) -> None:
    fields = {name: value for name, value in complete_fields().items() if name in (*CHECKPOINT_SECTIONS, section)}
    with pytest.raises(ModelError, match=rf"vidcls\.json.*'{section}' is unknown"):
        read_checkpoint(write_checkpoint_contract(tmp_path, fields))


def format_1(fields: dict[str, Any]) -> dict[str, Any]:
    """As earlier versions wrote it."""
    source = {name: value for name, value in fields["source"].items() if name != "clips"}
    kept = {name: value for name, value in fields.items() if name not in ("decision", "tokens")}
    return {**kept, "format": 1, "source": source}


def test_format_1_is_read_as_a_model_that_decides_nothing() -> None:
    contract = read(format_1(complete_fields()))
    assert contract == read({**contract_fields(), "self_test": complete_fields()["self_test"]})
    assert (contract.decision, contract.source.clips) == (NEUTRAL, None)


@pytest.mark.parametrize("path", [("decision",), ("tokens",), ("source", "clips")], ids=name_of)
def test_format_1_with_what_it_did_not_have_is_refused(path: tuple[str, ...]) -> None:
    fields = format_1(complete_fields())
    section_of(fields, path[:-1])[path[-1]] = section_of(complete_fields(), path)
    assert f"'{name_of(path)}' is unknown in format 1" in refusal(fields)


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (("decision", "none_label"), "nobody", "decision.none_label"),
        (("decision", "activation"), "sigmoid", "decision.none_label"),
        (("decision", "activation"), "tanh", "decision.activation"),
        (("decision", "temperature"), 0.04, "decision.temperature"),
        (("decision", "temperature"), 21, "decision.temperature"),
        (("decision", "reject", "threshold"), 1.5, "decision.reject.threshold"),
        (("decision", "reject", "threshold"), -0.1, "decision.reject.threshold"),
        (("decision", "reject", "score"), "margin", "decision.reject.score"),
        (("decision", "operating_points", "nobody"), None, "decision.operating_points"),
        (("decision", "operating_points", "wave"), None, "decision.operating_points"),
        (("decision", "operating_points", "jump"), {"probability": 0.5}, "decision.operating_points.jump.precision"),
        (("decision", "events", "off"), 0.7, "decision.events.off"),
        (("decision", "events", "change_cost"), 0.5, "decision.events.change_cost"),
        (("source", "clips", "train"), "AAAA", "source.clips.train"),
        (("source", "clips", "train"), "not base64", "source.clips.train"),
        (("source", "clips", "val"), "QUFBQUFBQUFBQUFBQUFBQR==", "source.clips.val"),
        (("tokens", "rule"), "random", "tokens.rule"),
        (("tokens",), {"rule": "lattice"}, "tokens.share"),
        (("tokens",), {"rule": "lattice", "share": 0.3}, "tokens.share"),
        (("tokens",), {"rule": "moving"}, "tokens.share"),
        (("tokens",), {"rule": "all", "share": 0.25}, "tokens.share"),
    ],
)
def test_a_decision_that_contradicts_itself_is_refused(path: tuple[str, ...], value: Any, named: str) -> None:
    assert f"'{named}'" in refusal(changed(path, value))


def test_an_energy_may_be_any_number() -> None:
    fields = changed(("decision", "reject", "threshold"), -3.5)
    fields["decision"]["reject"]["score"] = "energy"
    assert read(fields).decision.reject == Reject(score="energy", threshold=-3.5, accepted=0.95, false_accepted=0.11)


def test_a_folder_without_a_contract_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"vidcls\.json: cannot be read"):
        read_checkpoint(tmp_path)


def test_a_contract_of_megabytes_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "vidcls.json").write_text(json.dumps(complete_fields()) + " " * (32 << 20), encoding="utf-8")
    with pytest.raises(ModelError, match=r"vidcls\.json: has more than 33,554,432 bytes"):
        read_checkpoint(tmp_path)


def test_a_contract_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    (tmp_path / "vidcls.json").write_bytes(b'{"format": 1, "labels": ["\xff"]}')
    with pytest.raises(ModelError, match=r"vidcls\.json: cannot be read"):
        read_checkpoint(tmp_path)
