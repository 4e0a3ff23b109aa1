#!/usr/bin/env bash
# Install the wheel with an interpreter as a device has it, without PyTorch, and check what has to hold there.
# .ci/lean.sh PYTHON ENVIRONMENT    with the wheel in dist, and models and answers in .lean: 'make test-pythons' does it
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1
environment=$2
# Of these, all need neither PyTorch nor the network. Beside the wheel they need pytest, and onnx to write models.
tests=(
    tests/sdk/test_clips.py tests/sdk/test_contract.py tests/sdk/test_prediction.py tests/sdk/test_preprocessing.py
    tests/sdk/test_sampling.py tests/sdk/test_schema.py tests/sdk/test_selftest.py
    tests/sdk/runtime/test_model.py tests/sdk/runtime/test_onnxruntime_session.py
    tests/sdk/video/test_decoder_check.py tests/sdk/video/test_reader.py
)
wheels=(dist/*.whl)

"$environment/bin/python" -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear "$environment"
pip="$environment/bin/python -m pip --disable-pip-version-check -qq"
$pip install "${wheels[0]}[cpu,av]" onnx pytest
$pip install --force-reinstall --no-deps "${wheels[0]}"
.ci/headless.sh "$environment"
"$environment/bin/python" .ci/lean.py check .lean
"$environment/bin/python" -m pytest -q -W default -p no:cacheprovider "${tests[@]}"
