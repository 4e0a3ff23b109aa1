"""Raw pixels in: the patch embedding takes uint8 RGB frames, their normalisation folded into its weights.

The model then gets a quarter of the bytes, and nothing is computed per pixel before the matrix product.
A patch embedding is a convolution whose kernels do not overlap, so it is one linear map of each patch. Where a picture
network comes before the patches, its kernels overlap, and what lies beyond the border is no pixel: there pixels are
normalised in the graph, as they are in training.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import onnx
import torch
from onnx import NodeProto
from transformers import PreTrainedModel

from vidcls.contract import Image
from vidcls.errors import ModelError
from vidcls_export.architectures import Architecture
from vidcls_export.graph.tokens import ALL, Shown
from vidcls_train.hybrid.videomae_hybrid import HybridPatches
from vidcls_train.moving import moving_tokens, patches_of

# A grey level x reaches the matrix product as (x - 128) / 64: exact in fp16 and in uint8 with a zero point, near zero
# in the mean so that nothing cancels, and about as large as a normalised pixel so that folded weights fit fp16 as well
# as the model's own.
GREY, SCALE = 128, 64


@contextmanager
def raw_pixels(model: PreTrainedModel, architecture: Architecture, image: Image, *, shown: Shown) -> Iterator[None]:
    """Within, `model` takes uint8 RGB frames [B, T, H, W, 3] as `image` crops them; afterwards all is as before.

    shown: the patches that are embedded, and no others.
    """
    path, _, name = architecture.patch_embedding.rpartition(".")
    parent = model.get_submodule(path)
    before = getattr(parent, name)
    if isinstance(before, HybridPatches):
        raw: torch.nn.Module = RawPictures(before, image, kept=shown.kept)
    else:
        (projection,) = (m for m in before.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Conv3d))
        places = None if shown.moving is None else model.get_submodule(str(architecture.embeddings)).position_embeddings
        raw = RawPatches(projection, image, per_frame=architecture.tokens_per_frame, shown=shown, places=places)
    setattr(parent, name, raw)
    try:
        yield
    finally:
        setattr(parent, name, before)


class RawPatches(torch.nn.Module):
    """The patch embedding `projection` of normalised frames, from frames that are not."""

    def __init__(
        self,
        projection: torch.nn.Conv2d | torch.nn.Conv3d,
        image: Image,
        *,
        per_frame: bool,
        shown: Shown = ALL,
        places: torch.Tensor | None = None,
    ) -> None:
        """Fold the normalisation into the projection's weights.

        Args:
            projection: the convolution.
            image: how frames are normalised.
            per_frame: whether it works frame by frame.
            shown: the patches to embed.
            places: what is added to a patch by where it lies, float [1, patches, width]; given where each clip has its
                own patches, None where what follows adds it.
        """
        super().__init__()
        self.kept = None if shown.kept is None else torch.tensor(shown.kept)
        self.moving = shown.moving
        self.places = None if places is None else torch.nn.Parameter(places.detach()[0], requires_grad=False)
        weight = projection.weight.detach().double()  # [width, 3, (t,) h, w]
        if weight.ndim == 4:
            weight = weight[:, :, None]
        frames, rows, columns = weight.shape[2:]
        self.patch = (frames, rows, columns)
        self.per_frame = per_frame
        # (x / 255 - mean) / std, in terms of (x - GREY) / SCALE.
        mean, std = (torch.tensor(values, dtype=torch.double) for values in (image.mean, image.std))
        slope, offset = SCALE / 255 / std, (GREY / 255 - mean) / std
        folded = torch.einsum("dcthw,c->thwcd", weight, slope).flatten(0, 3)
        bias = torch.einsum("dcthw,c->d", weight, offset)
        if projection.bias is not None:
            bias = bias + projection.bias.detach().double()
        self.weight = torch.nn.Parameter(folded.float(), requires_grad=False)
        self.bias = torch.nn.Parameter(bias.float(), requires_grad=False)

    def forward(self, frames: torch.Tensor, **_options: object) -> torch.Tensor | tuple[torch.Tensor, int, int]:
        """uint8 [B, T, H, W, 3] -> [B, patches, width], row by row and frame by frame.

        With per_frame, as TimeSformer has it: ([B * T, patches of a frame, width], T, patches in a row).
        """
        by_frame = patches_of(frames, self.patch)
        patches = by_frame.flatten(2)
        # While they are bytes: nothing is computed for what is left out.
        if self.kept is not None:
            patches = patches.index_select(1, self.kept)
        elif self.moving is not None and self.places is not None:
            numbers = moving_tokens(by_frame, count=self.moving)
            return self._embedded(_rows(patches, numbers)) + self.places[numbers]
        embedded = self._embedded(patches)
        if not self.per_frame:
            return embedded
        t, h, w = (int(size) // step for size, step in zip(frames.shape[1:4], self.patch, strict=True))
        return embedded.reshape(frames.shape[0] * t, h * w, -1), t, w

    def _embedded(self, patches: torch.Tensor) -> torch.Tensor:
        return (patches.float() - GREY) * (1 / SCALE) @ self.weight + self.bias


def _rows(patches: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
    """Of each clip those of its rows: [B, patches, values] and int64 [B, n] to [B, n, values]; each is copied whole."""
    batch, every, values = patches.shape
    first = torch.arange(batch, device=patches.device)[:, None] * every
    rows = patches.reshape(-1, values).index_select(0, (numbers + first).reshape(-1))
    return rows.reshape(-1, numbers.shape[1], values)


class RawPictures(torch.nn.Module):
    """The patch embedding of a hybrid, from frames that are not normalised."""

    def __init__(self, patches: HybridPatches, image: Image, *, kept: tuple[int, ...] | None) -> None:
        super().__init__()
        self.patches = patches
        self.kept = None if kept is None else torch.tensor(kept)
        self.mean, self.std = (255 * torch.tensor(values) for values in (image.mean, image.std))

    def forward(self, frames: torch.Tensor, **_options: object) -> torch.Tensor:
        """uint8 [B, T, H, W, 3] -> [B, patches, width], row by row and frame by frame."""
        pixels = (frames.float() - self.mean) * (1 / self.std)
        patches = self.patches.patches(pixels.permute(0, 1, 4, 2, 3).flatten(0, 1))
        embedded = self.patches.tokens(patches, frames=frames.shape[1])
        return embedded if self.kept is None else embedded.index_select(1, self.kept)


def patch_chain(graph: onnx.GraphProto) -> list[NodeProto]:
    """What `RawPatches` is in the graph: Cast, Sub, Mul and the MatMul with the patch embedding.

    Nothing where a picture network comes first, which has no product with bytes.

    Raises:
        ModelError: there are other operators between the input's bytes and that product.
    """
    nodes = list(graph.node)
    if any(node.op_type == "Conv" for node in nodes):
        return []
    chain = [node for node in nodes if node.op_type == "Cast" and _casts_bytes(node, nodes, graph)][:1]
    for kind in ("Sub", "Mul", "MatMul"):
        users = [node for node in nodes if chain and chain[-1].output[0] in node.input]
        if len(users) != 1 or users[0].op_type != kind:
            raise ModelError(
                f"the exported graph does not go from bytes to the patches' {kind}; this version of torch exports the "
                "model in a way that vidcls-export does not know"
            )
        chain.append(users[0])
    return chain


def _casts_bytes(cast: NodeProto, nodes: list[NodeProto], graph: onnx.GraphProto) -> bool:
    """Whether `cast` makes floats of the graph's input, at most reshaped, transposed, sliced or gathered."""
    if any(attribute.name == "to" and attribute.i != onnx.TensorProto.FLOAT for attribute in cast.attribute):
        return False  # of whole numbers, by which moving tokens are told
    makers = {output: node for node in nodes for output in node.output}
    name: str = cast.input[0]
    while name in makers and makers[name].op_type in ("Reshape", "Transpose", "Slice", "Gather"):
        name = makers[name].input[0]
    return bool(name == graph.input[0].name)
