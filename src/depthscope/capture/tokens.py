"""Which tokens stand for the target."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import pandas as pd

from depthscope.capture.around import bare, surrounding_ids
from depthscope.capture.kept import Keeping, Kept
from depthscope.capture.pieces import Offsets
from depthscope.capture.vocabulary import Vocabulary
from depthscope.errors import DepthscopeError, check_choice, listed, reason
from depthscope.stimuli.plain import without_case
from depthscope.stimuli.problems import Problem, RowError, StimuliError
from depthscope.stimuli.table import row_name

Subtoken = Literal["last", "first", "mean"]


OTHER_WORD = "choose another target, or a model that knows it"
NEAR = 8  # characters that show whether a word ends there


@dataclass(frozen=True)
class Tokenized:
    """One text as the model reads it.

    Attributes
    ----------
    ids : list of int
        With whatever the tokenizer adds (BOS and the like).
    positions : list of int
        The tokens that stand for the target.
    n_subtokens : int
        How many tokens overlap the target.
    exceeds : bool
        Some chosen token also covers characters outside the target, other than blank space.
    covering : list of int
        The tokens that overlap the target, all of them whichever stand for it; without them there is no surprisal. A token of
        nothing but blank space before the target is none of them.
    lead, tail : str
        Characters outside the target that the first of them covers before it, the last of them after it.
    word : str
        The target.
    before : str
        The last characters of the text before the first of them.
    own_prefix : bool
        The text begins with what the tokenizer adds, or ends with it; it is there once all the same.
    specials : int
        Further special tokens that the text itself spells out.
    strangers : int
        Tokens that stand for anything that the tokenizer does not know.
    dropped : tuple of str
        Characters beside the target that no token says, and their code points.
    read_as : str
        What the tokenizer's normaliser makes of the target, where that is more than another case, width or accent.
    unaccented : str
        What the tokenizer makes of the target, where accents of it get lost.
    said : str
        What the tokens that overlap the target say, without blank space around it.
    """

    ids: list[int]
    positions: list[int]
    n_subtokens: int
    exceeds: bool
    covering: list[int] = field(default_factory=list)
    lead: str = ""
    tail: str = ""
    word: str = ""
    before: str = ""
    own_prefix: bool = False
    specials: int = 0
    strangers: int = 0
    dropped: tuple[str, ...] = ()
    read_as: str = ""
    unaccented: str = ""
    said: str = ""

    @property
    def covered(self) -> str:
        """The characters that the tokens which overlap the target cover, without blank space around them."""
        return (self.lead + self.word + self.tail).strip()

    @property
    def at_start(self) -> bool:
        """The target is at position 0, where models park attention: its states mean something else."""
        return self.positions[0] == 0

    @property
    def straddled(self) -> bool:
        """Some token that overlaps the target begins before it or ends after it, other than in blank space."""
        return bool((self.lead + self.tail).strip())

    @property
    def last(self) -> int:
        """The last token that is asked for: the target's, whichever of its tokens stand for it."""
        return max(*self.positions, *self.covering)

    def context(self, causal: bool = True) -> str:
        """A digest of all that a model sees at the target: equal digests, equal states. An encoder sees the whole text."""
        seen = self.ids[: self.positions[-1] + 1] if causal else self.ids
        return hashlib.sha256(repr((seen, self.positions)).encode()).hexdigest()[:16]


def tokenize(
    tokenizer: Any, table: pd.DataFrame, subtoken: Subtoken = "last", max_length: int | None = None
) -> list[Tokenized]:
    """Tokenize every text and find its target through the tokenizer's character offsets.

    Special tokens (BOS ...) are added as the tokenizer itself does for plain text; a text that brings them does not get
    them twice.

    Raises
    ------
    DepthscopeError
        A text beyond ``max_length``; targets that the tokenizer does not know or drops, in whole or in part; different
        targets of which it makes the same tokens, unless they differ in case alone.
    """
    check_choice("subtoken", subtoken, get_args(Subtoken))
    vocabulary = Vocabulary(tokenizer, surrounding_ids(tokenizer))
    keeping = Keeping(tokenizer, vocabulary.unknown)
    encoded = _encoded(tokenizer, list(table["text"]))
    rows: list[Tokenized] = []
    problems: list[Problem] = []
    strangers: dict[str, str] = {}
    unknown: list[Problem] = []
    columns = (table[name] for name in ("item", "condition", "text", "start", "end"))
    for i, (item, condition, text, start, end) in enumerate(zip(*columns, strict=True)):
        name, span = row_name("stimuli", item, condition), (int(start), int(end))
        ids, offsets = list(encoded["input_ids"][i]), encoded["offset_mapping"][i]
        bounds = bare(tokenizer, text, ids, vocabulary.around)
        if own := bounds != (0, len(text)):
            again = _encoded(tokenizer, text[slice(*bounds)])
            ids, offsets = (
                list(again["input_ids"]),
                [(a + bounds[0], b + bounds[0]) for a, b in again["offset_mapping"]],
            )
        kept = keeping.of(text, ids, offsets, bounds)
        try:
            _check_length(ids, max_length, name)
            row = _find(vocabulary, kept, ids, offsets, text, (bounds[0], *span), subtoken, name)
        except RowError as fault:
            problems.append(Problem.of(i + 1, item, condition, fault))
            continue
        if any(ids[k] in vocabulary.unknown for k in row.covering):
            reason = f"the tokenizer does not know {row.word!r}, in whole or in part, and tells it from no other word"
            unknown.append(Problem(i + 1, item, condition, "target", reason, OTHER_WORD))
            strangers.setdefault(row.word, f"{row.word!r} (item {item!r}, condition {condition!r})")
        spelled, strange = vocabulary.spelled_out(ids), sum(k in vocabulary.unknown for k in ids)
        said, bare_word = vocabulary.said(ids[k] for k in row.covering), keeping.unaccented(row.word)
        row = replace(row, own_prefix=own, specials=spelled, strangers=strange, unaccented=bare_word, said=said)
        rows.append(row)
    if problems:
        raise StimuliError("stimuli", sorted([*problems, *unknown], key=lambda problem: problem.row or 0))
    if strangers:
        told = (
            f"the tokenizer does not know {len(strangers)} target(s), in whole or in part, and tells them from no "
            f"other word: {listed(strangers.values(), 5)}; choose other targets, or a model that knows them"
        )
        raise StimuliError("stimuli", unknown, told)
    _check_told_apart(table, rows)
    return rows


def _check_length(ids: Sequence[int], limit: int | None, name: str) -> None:
    if limit is not None and len(ids) > limit:
        raise RowError(name, "text", f"{len(ids)} tokens exceed the model's context of {limit}", "shorten the text")


def _encoded(tokenizer: Any, text: str | list[str]) -> Any:
    try:
        return tokenizer(text, return_offsets_mapping=True, return_attention_mask=False)
    except Exception as problem:
        # a vocabulary without a token for what it does not know may stop there
        raise DepthscopeError(
            f"stimuli: the tokenizer cannot read all texts ({reason(problem)}): choose other texts, or another model"
        ) from None


def _find(
    vocabulary: Vocabulary,
    kept: Kept,
    ids: list[int],
    offsets: Offsets,
    text: str,
    places: tuple[int, int, int],
    subtoken: Subtoken,
    name: str,
) -> Tokenized:
    begin, start, end = places
    covering = [k for k, (a, b) in enumerate(offsets) if a < end and b > start]
    while covering and vocabulary.blank(ids[covering[0]]):
        covering = covering[1:]
    if not covering:
        lost = f"no token covers the target {text[start:end]!r}; the tokenizer drops it"
        raise RowError(name, "target", lost, OTHER_WORD, None)
    _check_kept(kept, text, start, end, name)
    chosen = {"last": covering[-1:], "first": covering[:1], "mean": covering}[subtoken]
    outside = text[offsets[chosen[0]][0] : start] + text[end : offsets[chosen[-1]][1]]
    first = offsets[covering[0]][0]
    before = text[max(begin, first - NEAR) : first]
    lead, tail = text[offsets[covering[0]][0] : start], text[end : offsets[covering[-1]][1]]
    dropped = tuple(dict.fromkeys(map(str, kept.lost)))
    return Tokenized(
        ids,
        chosen,
        len(covering),
        bool(outside.strip()),
        covering,
        lead,
        tail,
        text[start:end],
        before,
        dropped=dropped,
        read_as=" ".join(read for a, b, read in kept.changed if a < end and b > start),
    )


def _check_kept(kept: Kept, text: str, start: int, end: int, name: str) -> None:
    """Refuse a target of which characters are lost, and one that is behind them where offsets are therefore wrong."""
    inside = next((lost for lost in kept.lost if start <= lost.place < end), None)
    shifted = [a for a, b in kept.pieces if a < end and b > start]
    before = next((lost for lost in kept.lost if shifted and shifted[0] <= lost.place < start), None)
    if lost := inside or before:
        how = "is read as another word" if inside else "cannot be found among its tokens"
        reason = f"the tokenizer drops {lost}, so that the target {text[start:end]!r} {how}"
        raise RowError(name, "target", reason, OTHER_WORD)


def _check_told_apart(table: pd.DataFrame, rows: Sequence[Tokenized]) -> None:
    """Refuse different targets whose tokens say the same, other than in case: they would be measured as one word."""
    first: dict[str, int] = {}
    problems = []
    for i, row in enumerate(rows):
        k = first.setdefault(row.said, i)
        if without_case(row.covered) != without_case(rows[k].covered):
            (item, condition), (other, as_well) = (table[["item", "condition"]].iloc[n] for n in (i, k))
            reason = (
                f"the tokenizer makes the same tokens of different targets, and would measure them as one word: {row.word!r} "
                f"and {rows[k].word!r} (item {other!r}, condition {as_well!r})"
            )
            way_out = "write them alike if they are one, else choose other targets, or a model that tells them apart"
            problems.append(Problem(i + 1, item, condition, "target", reason, way_out))
    if problems:
        raise StimuliError("stimuli", problems)


def special_prefix(tokenizer: Any) -> str:
    """What the tokenizer puts before a text, for the record: e.g. ``"<bos>"``, or an empty string."""
    return "".join(tokenizer.convert_ids_to_tokens(special_ids(tokenizer)))


def special_ids(tokenizer: Any) -> list[int]:
    """The ids of what the tokenizer puts before a text."""
    return surrounding_ids(tokenizer)[0]
