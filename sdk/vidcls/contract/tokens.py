"""Which of a clip's tubelets an encoder sees that does not see all of them.

Of a lattice, a token at frame pair t, row y and column x of its grid is kept where (x + a y + b t) mod N = 0,
N = 1 / share. So each row keeps its share, within one token, and rows and frame pairs are shifted against each other,
so that kept tokens lie near those that are left out. MAR (arXiv 2207.11660) trains with a pattern of this kind, its
cell running masking.

Of moving tokens, those are kept whose grey levels change most: see `vidcls_train.moving`, whose formula exported
graphs compute, so that whoever runs them needs to know nothing of it.
"""

from __future__ import annotations

from vidcls.contract.sections import Tokens
from vidcls.errors import ModelError

SHARES = (0.5, 0.25, 0.125)

# In a checkpoint's config.json, as --tokens takes it.
CONFIG_FIELD = "vidcls_tokens"
TOKEN_CHOICES = {
    "all": Tokens(rule="all"),
    **{f"lattice:{share:g}": Tokens(rule="lattice", share=share) for share in SHARES},
    **{f"moving:{share:g}": Tokens(rule="moving", share=share) for share in SHARES},
}

# By N: a and b.
_STEPS = {2: (1, 1), 4: (2, 1), 8: (3, 2)}


def kept_tokens(tokens: Tokens, *, grid: tuple[int, int, int], phase: int = 0) -> list[int]:
    """The numbers of the tokens that are kept, in order, counted by frame pair, row and column.

    Args:
        tokens: the contract's section, a lattice or all.
        grid: how many there are along time, height and width.
        phase: keeps those of another of the N lattices that together are all tokens; 0 in use. Training draws it.

    >>> from vidcls.contract import Tokens, kept_tokens
    >>> kept_tokens(Tokens(rule="lattice", share=0.25), grid=(2, 2, 4))
    [0, 6, 11, 13]
    >>> len(kept_tokens(Tokens(rule="all"), grid=(2, 2, 4)))
    16
    """
    times, rows, columns = grid
    if tokens.share is None:
        return list(range(times * rows * columns))
    every = round(1 / tokens.share)
    by_row, by_time = _STEPS[every]
    return [
        (t * rows + y) * columns + x
        for t in range(times)
        for y in range(rows)
        for x in range(columns)
        if (x + by_row * y + by_time * t) % every == phase
    ]


def configured_tokens(config: object) -> Tokens:
    """What a configuration of transformers says; all where it says nothing.

    Raises:
        ModelError: it says something that is not known.
    """
    text = getattr(config, CONFIG_FIELD, "all")
    if not isinstance(text, str) or text not in TOKEN_CHOICES:
        raise ModelError(f"config.json says '{CONFIG_FIELD}' {text!r}, expected one of {', '.join(TOKEN_CHOICES)}")
    return TOKEN_CHOICES[text]


def tokens_text(tokens: Tokens) -> str:
    """As `--tokens` takes it.

    >>> from vidcls.contract import Tokens, tokens_text
    >>> tokens_text(Tokens(rule="lattice", share=0.25)), tokens_text(Tokens(rule="all"))
    ('lattice:0.25', 'all')
    """
    return tokens.rule if tokens.share is None else f"{tokens.rule}:{tokens.share:g}"


def tokens_words(tokens: Tokens) -> str:
    """For people.

    >>> from vidcls.contract import Tokens, tokens_words
    >>> tokens_words(Tokens(rule="moving", share=0.25))
    '0.25 of all, those of each clip that change most'
    """
    which = {"lattice": "the same lattice of every clip", "moving": "those of each clip that change most"}
    return "all" if tokens.share is None else f"{tokens.share:g} of all, {which[tokens.rule]}"


def tokens_fields(tokens: Tokens) -> dict[str, object]:
    """As JSON has it: "all" has no share.

    >>> from vidcls.contract import Tokens, tokens_fields
    >>> tokens_fields(Tokens(rule="all"))
    {'rule': 'all'}
    """
    return {"rule": tokens.rule} if tokens.share is None else {"rule": tokens.rule, "share": tokens.share}
