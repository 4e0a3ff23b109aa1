"""Names of devices: "auto", "cpu", "cuda" for the first NVIDIA card, "cuda:1" for the second one, and so on."""

from __future__ import annotations

import re
from typing import TypeAlias

from vidcls.errors import ArgumentError
from vidcls.schema import shown

# "auto" | "cpu" | "cuda" | "cuda:N"
Device: TypeAlias = str

NAMES = ("auto", "cpu", "cuda")
_CARD = re.compile(r"cuda:(0|[1-9][0-9]{0,2})", re.ASCII)


def checked_device(device: str) -> Device:
    """`device` by its one name: "cuda:0" is "cuda".

    Examples:
        >>> from vidcls.runtime.devices import checked_device
        >>> checked_device("cuda:0"), checked_device("cuda:1")
        ('cuda', 'cuda:1')

    Raises:
        ArgumentError: it is none.
    """
    if isinstance(device, str):
        if device in NAMES:
            return device
        found = _CARD.fullmatch(device)
        if found is not None:
            return name_of(int(found[1]))
    known = ", ".join(map(repr, NAMES))
    raise ArgumentError(f"device is {shown(device)}, expected one of {known}, or of several cards one such as 'cuda:1'")


def name_of(card: int) -> Device:
    """What the card with this number is called.

    Examples:
        >>> from vidcls.runtime.devices import name_of
        >>> name_of(0), name_of(1)
        ('cuda', 'cuda:1')
    """
    return "cuda" if card == 0 else f"cuda:{card}"


def card_of(device: Device) -> int | None:
    """The number of the card that a device names, as CUDA counts those that this process may use; None for "cpu".

    "auto" takes the first one, if any.

    Examples:
        >>> from vidcls.runtime.devices import card_of
        >>> card_of("cuda"), card_of("cuda:1"), card_of("auto"), card_of("cpu")
        (0, 1, 0, None)
    """
    if device == "cpu":
        return None
    _, _, number = device.partition(":")
    return int(number or 0)


def is_cuda(device: Device) -> bool:
    """Whether a device is an NVIDIA card, and nothing else will do.

    Examples:
        >>> from vidcls.runtime.devices import is_cuda
        >>> is_cuda("cuda:1"), is_cuda("auto"), is_cuda("cpu")
        (True, False, False)
    """
    return device.partition(":")[0] == "cuda"


def asked_for(device: Device) -> str:
    """How every DeviceError of opening on a card begins.

    Examples:
        >>> from vidcls.runtime.devices import asked_for
        >>> asked_for("cuda:1")
        "device 'cuda:1' was asked for, but "
    """
    return f"device '{device}' was asked for, but "


def provider_options(card: int) -> dict[str, str]:
    """Options of onnxruntime's CUDA provider for the card with this number.

    TF32, on by default, keeps 10 bits of every number in fp32's matrix products: no longer PyTorch's answer.

    Examples:
        >>> from vidcls.runtime.devices import provider_options
        >>> provider_options(1)
        {'device_id': '1', 'use_tf32': '0'}
    """
    return {"device_id": str(card), "use_tf32": "0"}
