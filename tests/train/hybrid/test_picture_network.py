"""The picture network, beside its formula written out in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vidcls_train.hybrid.picture_network import LITE0, Convolution, PictureNetwork, Stage

ROUNDING = 1e-4  # float32, summed in another order


def same_convolution(
    pictures: np.ndarray, weight: np.ndarray, bias: np.ndarray, *, stride: int, groups: int
) -> np.ndarray:
    """TensorFlow's "SAME": as many outputs as size / stride, what is missing around them is zero, more of it behind."""
    batch, _, height, width = pictures.shape
    outputs, per_group, kernel, _ = weight.shape
    rows, columns = -(-height // stride), -(-width // stride)
    above, left = ((max((n - 1) * stride + kernel - size, 0)) // 2 for n, size in ((rows, height), (columns, width)))
    padded = np.zeros((batch, pictures.shape[1], height + 2 * kernel, width + 2 * kernel))
    padded[:, :, above : above + height, left : left + width] = pictures
    found = np.zeros((batch, outputs, rows, columns))
    for output in range(outputs):
        first = output // (outputs // groups) * per_group
        for y in range(rows):
            for x in range(columns):
                seen = padded[
                    :, first : first + per_group, y * stride : y * stride + kernel, x * stride : x * stride + kernel
                ]
                found[:, output, y, x] = (seen * weight[output]).sum(axis=(1, 2, 3)) + bias[output]
    return found


@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (5, 1), (3, 2), (5, 2)])
@pytest.mark.parametrize("groups", [1, 4])
def test_a_convolution_is_padded_as_tensorflow_pads(kernel: int, stride: int, groups: int) -> None:
    torch.manual_seed(0)
    layer = Convolution(4, 8 if groups == 1 else 4, kernel=kernel, stride=stride, groups=groups)
    pictures = torch.randn(2, 4, 8, 6)
    weight, bias = (found.numpy() for found in layer.state_dict().values())
    expected = same_convolution(pictures.numpy(), weight, bias, stride=stride, groups=groups)
    assert np.abs(layer(pictures).detach().numpy() - expected).max() < ROUNDING


def test_a_block_widens_filters_narrows_and_is_added_where_both_are_alike() -> None:
    torch.manual_seed(0)
    network = PictureNetwork([Stage(2, 4, 2, 3, 1)], stem_channels=4, finest_stride=2)
    pictures = torch.randn(1, 3, 8, 8)

    def layer(name: str, hidden: np.ndarray, *, stride: int = 1, groups: int = 1) -> np.ndarray:
        weight, bias = (found.numpy() for found in network.get_submodule(name).state_dict().values())
        return same_convolution(hidden, weight, bias, stride=stride, groups=groups)

    hidden = layer("stem", pictures.numpy(), stride=2).clip(0, 6)
    for number in range(2):
        block = f"stages.0.{number}"
        inner = layer(f"{block}.expand", hidden).clip(0, 6)
        inner = layer(f"{block}.depthwise", inner, groups=8).clip(0, 6)
        hidden = hidden + layer(f"{block}.project", inner)
    (found,) = network(pictures)
    assert np.abs(found.detach().numpy() - hidden).max() < ROUNDING


def test_lite0_gives_the_maps_of_strides_16_and_32() -> None:
    network = PictureNetwork(LITE0, stem_channels=32, finest_stride=16)
    with torch.inference_mode():
        shapes = [tuple(found.shape) for found in network(torch.zeros(1, 3, 64, 96))]
    assert shapes == [(1, 112, 4, 6), (1, 320, 2, 3)]
    assert (network.channels, network.strides) == ([112, 320], [16, 32])
