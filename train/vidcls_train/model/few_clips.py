"""What is said before a model that has learnt nothing yet is trained on few clips."""

from __future__ import annotations

from vidcls_train.bases import SHIPPED
from vidcls_train.config.groups import ModelConfig

# Of each label. Where so few were measured the base that comes along was ahead (docs/measurements.md); of fights, which
# were more, an earlier form of it learnt less than the preset.
FEW = 50


def few_clips_notices(model: ModelConfig, *, clips: int, labels: int) -> tuple[str, ...]:
    """At most one sentence: that few clips teach a fresh model little, and which base may know more.

    Args:
        model: of the run.
        clips: that are trained on.
        labels: that they are of.

    Example:
        >>> few_clips_notices(ModelConfig(preset="tiny"), clips=500, labels=5), few_clips_notices(
        ...     ModelConfig(base="vidcls/tiny"), clips=50, labels=5
        ... )
        ((), ())
    """
    if model.preset is None or clips >= FEW * labels:
        return ()
    base = " or ".join(SHIPPED)
    return (
        f"--preset {model.preset} has learnt nothing yet, and {clips / labels:.0f} training clips a label are few: "
        f"with as few --base {base} was mostly right more often than --preset tiny; train both, and take what is "
        "better on validation",
    )
