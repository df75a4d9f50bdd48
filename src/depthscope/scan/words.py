"""A scan in words."""

from collections.abc import Mapping, Sequence

import pandas as pd

from depthscope.corpus.documents import Corpus
from depthscope.errors import listed
from depthscope.scan import apart
from depthscope.scan.job import SURPRISAL
from depthscope.scan.results import Summaries
from depthscope.store.record import RunRecord

ABOUT_KINDS = (
    "A `word` begins with white space, a `piece` goes on or begins a line; `number`, `punctuation` and `blank` are what they "
    "say; `other` is bytes, symbols and the tokenizer's own tokens. The first letter or digit of a token decides."
)
CAUTION = "This describes a corpus; it tests nothing, and tokens of one text are not independent of each other."


def title(record: RunRecord, corpus: str) -> str:
    return f"{record.settings['model']} over {corpus}"


def answer(tokens: int, documents: int, context: int, measures: Sequence[str]) -> list[str]:
    """What was measured of how much text."""
    return [
        f"{tokens:,} tokens of {documents:,} {'document' if documents == 1 else 'documents'}, each measured once, after at "
        f"least {context:,} tokens of its document or all there are: {', '.join(measures)}."
    ]


def reading(record: RunRecord) -> list[str]:
    """What is to be said of a rolling reading."""
    if record.settings.get("reading") != "rolling":
        return []
    return [apart.told(record.resolved["apart"], record.resolved["compared"])]


def notes(corpus: Corpus, cuts: int, without_value: Mapping[str, int]) -> list[str]:
    """What to know of a scan. ``cuts``: places at which a document had to be cut; ``without_value``: tokens, by measure."""
    told = []
    if corpus.passed_over:
        told.append(
            f"{len(corpus.passed_over)} files of other kinds, links to folders or pipes were passed over: "
            f"{listed(corpus.passed_over)}"
        )
    if corpus.blank:
        told.append(f"{corpus.blank} documents hold no text and were passed over")
    if cuts:
        told.append(
            f"at {cuts} places a document was too long to be tokenised at once and had no place to cut it safely: tokens "
            "beside them may differ"
        )
    for name, count in without_value.items():
        if count and name != SURPRISAL:
            told.append(
                f"{count} tokens have no {name} at any layer: NaN or infinity in the residual stream, or no update at all "
                "(a wider --dtype may help)"
            )
    return told


def measure_words(found: Summaries, measure: str) -> str:
    """How the values of a measure lie, in a sentence; of one with layers at the middle one."""
    at = found.middle(measure)
    if at is None:
        return f"**{measure}**: no token has a value."
    where = "" if pd.isna(at["layer"]) else f" at layer {int(at['layer'])}, the middle one of those that have a value"
    return (
        f"**{measure}**{where}: mean {at['mean']:.4g}, standard deviation {at['variance'] ** 0.5:.2g}; nine tenths of "
        f"{at['count']:,.0f} tokens lie between {at['q05']:.4g} and {at['q95']:.4g}."
    )


def types_words(found: Summaries, types: pd.DataFrame) -> str:
    middle = {name: found.middle(name) for name in found.drawn}
    where = ", ".join(f"{name} at layer {int(at['layer'])}" for name, at in middle.items() if at is not None)
    share = types["count"].sum() / found.record.results["tokens"]
    return (
        f"The {len(types):,} most frequent entries of the vocabulary: {share:.0%} of all tokens. Mean ± standard deviation "
        f"over the tokens of an entry{f'; {where}' if where else ''}."
    )
