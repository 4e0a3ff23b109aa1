"""What a model says of itself: one JSON text, read strictly and written exactly.

Training writes a `Contract` as `vidcls.json` beside the checkpoint. Export adds what only the
exported file has and embeds a `ModelContract` in the ONNX file's metadata under the key `vidcls`.
The SDK reads it from there and takes every setting from it; nothing has a default.
"""

from __future__ import annotations

from vidcls.contract.contracts import FORMAT, MAX_CLIP_PIXELS, MAX_SELF_TEST_PIXELS, Contract, ModelContract
from vidcls.contract.decision_section import NEUTRAL, Decision, EventRule, FittedOn, OperatingPoint, Reject
from vidcls.contract.reading import CHECKPOINT_FILE, MAX_BYTES, from_json, read_checkpoint, to_json
from vidcls.contract.sections import (
    FINGERPRINT_BYTES,
    LABEL,
    LABELS,
    MOST_FINGERPRINTS,
    Accuracy,
    ClipFingerprints,
    Image,
    Input,
    Model,
    Output,
    Parity,
    Sampling,
    SelfTest,
    Source,
    Tokens,
)
from vidcls.contract.tokens import (
    CONFIG_FIELD,
    TOKEN_CHOICES,
    configured_tokens,
    kept_tokens,
    tokens_fields,
    tokens_text,
    tokens_words,
)

METADATA_KEY = "vidcls"

__all__ = [
    "CHECKPOINT_FILE",
    "CONFIG_FIELD",
    "FINGERPRINT_BYTES",
    "FORMAT",
    "LABEL",
    "LABELS",
    "MAX_BYTES",
    "MAX_CLIP_PIXELS",
    "MAX_SELF_TEST_PIXELS",
    "METADATA_KEY",
    "MOST_FINGERPRINTS",
    "NEUTRAL",
    "TOKEN_CHOICES",
    "Accuracy",
    "ClipFingerprints",
    "Contract",
    "Decision",
    "EventRule",
    "FittedOn",
    "Image",
    "Input",
    "Model",
    "ModelContract",
    "OperatingPoint",
    "Output",
    "Parity",
    "Reject",
    "Sampling",
    "SelfTest",
    "Source",
    "Tokens",
    "configured_tokens",
    "from_json",
    "kept_tokens",
    "read_checkpoint",
    "to_json",
    "tokens_fields",
    "tokens_text",
    "tokens_words",
]
