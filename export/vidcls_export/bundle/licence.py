"""On which terms a model may be used: those of the weights that it was made from."""

from __future__ import annotations

from vidcls.contract import Source
from vidcls.huggingface import is_non_commercial, within_base
from vidcls.printable import printable

# Where the text of a licence is, by the short name that the hub and contracts use.
_TEXTS = {
    "apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0",
    "mit": "https://opensource.org/license/mit",
    **{
        f"cc-{kind}-4.0": f"https://creativecommons.org/licenses/{kind}/4.0/legalcode"
        for kind in ("by", "by-sa", "by-nc", "by-nc-sa", "by-nd", "by-nc-nd")
    },
}


def licence_text(source: Source) -> str:
    """LICENSE.txt: the terms of the base, as far as they are known, and those of vidcls.

    Args:
        source: where the weights come from.
    """
    return "\n".join(
        [
            "The model (model.onnx)",
            "======================",
            "",
            *model_terms(source),
            "",
            "vidcls, which runs it",
            "=====================",
            "",
            "vidcls is licensed Apache-2.0; its text is in its wheel. run.py may be used by anyone for anything.",
            "",
        ]
    )


def model_terms(source: Source) -> list[str]:
    """Sentences, one a line: what the model was made from, and what follows from that."""
    if source.base is None:
        return [
            "It was trained from scratch: no weights of others are in it. Of the videos' terms vidcls knows nothing.",
            "Whoever made it decides on its terms and states them here; as long as nothing is stated, ask them.",
        ]
    base = printable(source.base)
    if source.base_license is None:
        return [
            f"It was made from the weights {base}, whose licence is not known to vidcls: see their page.",
            "A model made from them falls under the same terms, so find out before you use it or hand it on.",
        ]
    licence = source.base_license.lower()
    lines = [f"It was made from the weights {base}, which are licensed {printable(source.base_license)}."]
    within = within_base(source.base)
    if within is not None:
        lines.append(within)
    if licence in _TEXTS:
        lines.append(f"The text of that licence: {_TEXTS[licence]}")
    if is_non_commercial(licence):
        lines.append("NOT FOR COMMERCIAL USE: that licence rules it out, also of what was made from these weights.")
    if licence.startswith("cc-by"):
        lines.append(
            f"Whoever hands it on names the authors of {base} and this licence, and says that the weights were changed:"
        )
        lines.append("they were fine-tuned, and converted to ONNX.")
    if "nd" in licence.split("-"):
        lines.append("That licence does not allow handing on what was changed: do not hand this model on.")
    return lines
