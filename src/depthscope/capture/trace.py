"""The entrance of the package: stimuli through a model, one Gram matrix per target."""

import warnings
from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
import xarray as xr

from depthscope.arrays import DEEP_ENOUGH
from depthscope.capture.batches import default_budget, default_slack, default_texts, plan
from depthscope.capture.census import remarks
from depthscope.capture.labels import DIMS, check_covariates, column_coords, layer_coords, model_attrs, update_norm
from depthscope.capture.prefixes import Prefixes, prefixes
from depthscope.capture.record import Arrays, NotFiniteError, check_vocabulary, record, whole
from depthscope.capture.tokens import Subtoken, Tokenized, special_prefix, tokenize
from depthscope.capture.trees import forest, worthwhile
from depthscope.capture.word import Surprisal, Words
from depthscope.errors import DepthscopeError, DepthscopeWarning, check_choice, check_count, check_flag
from depthscope.model.heads import Heads, find_heads
from depthscope.model.model import Model
from depthscope.model.parts import KINDS, Parts, find_parts
from depthscope.model.plain import plainly
from depthscope.progress import bar
from depthscope.stimuli.read import Source, read_stimuli
from depthscope.stimuli.table import row_name
from depthscope.store.shards import Shards

Keep = Literal["gram", "states"]
Split = bool | Literal["heads"]


@plainly()
def trace(
    model: Model,
    stimuli: Source,
    *,
    subtoken: Subtoken = "last",
    surprisal: Surprisal = "tokens",
    keep: Keep = "gram",
    parts: Split = False,
    lens: bool = False,
    token_budget: int | None = None,
    progress: bool = True,
    shards: Shards | None = None,
) -> xr.Dataset:
    """Capture the residual stream of every target and reduce it, inside the batch, to its Gram matrix.

    Parameters
    ----------
    model : Model
        From :func:`depthscope.load`.
    stimuli : table, or anything :func:`depthscope.read_stimuli` reads
    subtoken : {"last", "first", "mean"}
        Which of the target's tokens stands for it. ``"last"`` has seen the whole word.
    surprisal : {"tokens", "word"}
        Of the target's tokens, or of the target as a word: that the word before it ended, and it too, belongs to the
        probability, and characters before it that share its first token do not [1]_ [2]_. For a target whose last token
        ends after it, and for one whose first characters cannot be told apart so, NaN. See
        :class:`depthscope.capture.word.Words`.
    keep : {"gram", "states"}
        ``"states"`` adds the full states of the target: L + 1 vectors per stimulus.
    parts : bool or "heads"
        Split every update into attention and MLP, as :func:`depthscope.model.parts.find_parts` finds and proves them; with
        ``"heads"`` what attention writes by head as well (:func:`depthscope.model.heads.find_heads`).
    lens : bool
        Also the entropy of the logit lens at every layer; it costs another pass over as many tokens as there are layers.
    token_budget : int, optional
        Padded tokens per forward pass; by default 1,024 on a CPU, 16,384 on a GPU. Results do not depend on it
        beyond the rounding of the model's own kernels; where they would (LLM.int8()), texts run one by one.
    progress : bool
        Show a bar if it takes longer than a second.
    shards : Shards, optional
        A folder that keeps finished batches, so that a killed run resumes.

    Returns
    -------
    Dataset, one row per stimulus, in the order given
        ``gram`` (stimulus, layer, other_layer): ``<u_k, u_l>`` of the updates ``u_l = h_l - h_(l-1)``, float64.
        ``update_norm`` (stimulus, layer), ``state_norm`` (stimulus, state) for states 0 .. L, ``initial_dot``
        (stimulus, layer): ``<h_0, u_l>``, ``participation`` (stimulus, layer): participation ratio of the coordinates of the
        update, ``(sum_d u_d^2)^2 / sum_d u_d^4``, 1 to d. With ``parts``, ``part_gram`` (stimulus, part, layer, other_layer):
        inner products within ``attention``, within ``mlp``, and between them (``cross``), which add up to ``gram``. With
        ``parts="heads"``, ``head_dot`` (stimulus, layer, attention_head, other_layer): ``<a_kh, u_l>`` of what head h of block
        k writes with every update, and ``head_square`` (stimulus, layer, attention_head): ``|a_kh|^2``; heads are counted
        from 1, NaN in blocks without attention. With ``lens``, ``lens_entropy`` (stimulus, layer), bits, of the next token as
        the model's own norm and head read it from the state after the layer; absent where logits cannot be read. Coordinates:
        the table's columns; ``token_index``,
        ``n_tokens``, ``n_subtokens``; ``at_start`` (target at position 0, an attention sink), ``token_exceeds`` (some token of
        the target begins before it or ends after it, other than in blank space, so that surprisal counts more than the
        target), ``state_exceeds`` (so does a token that stands for it), ``context`` (a digest of what the model sees at the
        target), ``surprisal``: ``-log2`` of the probability that the model gives to the target after the text before it,
        summed over all tokens that overlap it (blank space before it included where the tokenizer joins the two, not where
        it is a token of its own), float64, in bits, 0 or more; NaN for a target that begins at position 0 and for a model
        whose logits cannot be read at single tokens. The attribute ``text_remarks``, if there is one, says what texts hold
        beside words.

    Notes
    -----
    In a causal model, proven to be one at load, nothing behind a token can change it. So a text runs up to the last token that
    is asked for, one run serves all texts that begin like it, and of the last block what treats each token by itself works on
    the tokens that are asked for alone (with ``parts``, on all). Where many texts share their first tokens, and the network
    is proven to allow it, those tokens run once and the texts branch off them. ``n_tokens`` counts the whole text all the
    same.

    Raises
    ------
    DepthscopeError
        Stimuli that cannot be placed, texts beyond the model's context, NaN or infinity in the stream; with ``parts``, a
        model whose updates are no sums of parts; with ``"heads"``, one whose attention is no sum of heads.

    References
    ----------
    .. [1] Pimentel, T. and Meister, C. (2024). How to compute the probability of a word. EMNLP.
    .. [2] Oh, B.-D. and Schuler, W. (2024). Leading whitespaces of language models' subword vocabulary pose a confound for
       calculating word probabilities. EMNLP.

    Examples
    --------
    >>> traj = ds.trace(ds.load("embedded"), "builtin")      # doctest: +SKIP
    """
    if keep not in ("gram", "states"):
        raise DepthscopeError(f"keep={keep!r}: choose gram or states")
    check_count("token_budget", token_budget)
    if not (isinstance(parts, str) and parts == "heads"):
        check_flag("parts", parts, "attention and MLP apart), 'heads' (attention by head as well")
    check_flag("lens", lens, "the entropy of the logit lens")
    table = read_stimuli(stimuli, paired=False)
    check_covariates(table)
    if model.depth < DEEP_ENOUGH:
        warnings.warn(
            f"{model.name} has {model.depth} blocks; cse with its defaults needs {DEEP_ENOUGH}: see there before a long trace",
            DepthscopeWarning,
            stacklevel=2,
        )
    tokens = tokenize(model.tokenizer, table, subtoken, model.max_length)
    check_vocabulary(model.name, model.vocabulary, max(max(row.ids) for row in tokens))
    found = find_parts(model) if parts else None
    heads = find_heads(model, found) if found is not None and parts == "heads" else None
    check_choice("surprisal", surprisal, get_args(Surprisal))
    words = Words(model.tokenizer, model.vocabulary) if surprisal == "word" and model.predicts else None
    budget = 1 if model.alone else token_budget or default_budget(model.device)
    running = prefixes(tokens, not whole(model))
    branching = budget > 1 and worthwhile(model, running.ids)
    planted = forest(running.ids, branching)
    served = np.bincount(running.owner, minlength=len(running.ids))
    texts = [int(served[group].sum()) for group in planted.groups]
    sizes, slack = [len(tree.ids) for tree in planted.trees], default_slack(model.device)
    planned = plan(sizes, budget, slack, texts, default_texts(model.device))
    batches = [running.texts([sequence for tree in batch for sequence in planted.groups[tree]]) for batch in planned]
    done: list[Arrays] = []
    with bar(len(table), "tracing", unit="text", shown=progress) as advance:
        for number, batch in enumerate(batches):
            part = shards.load(number) if shards is not None else None
            if part is None:
                part = _record(
                    model,
                    [tokens[i] for i in batch],
                    table.iloc[batch],
                    keep == "states",
                    found,
                    lens and model.predicts,
                    words,
                    heads,
                    branching,
                    running.within(batch),
                )
                if shards is not None:
                    shards.save(number, part)
            done.append(part)
            advance(len(batch))
    order = np.argsort(np.concatenate(batches))
    arrays = {name: np.concatenate([part[name] for part in done])[order] for name in done[0]}
    settings = {"subtoken": subtoken, "token_budget": budget, "special_prefix": special_prefix(model.tokenizer)}
    settings["surprisal_of"] = surprisal
    if told := remarks(table, tokens):
        settings["text_remarks"] = "; ".join(told)
    if found is not None:
        settings["parts"] = found.about
    if heads is not None:
        settings["heads"] = heads.about
    return _dataset(model, table, tokens, arrays, settings)


def _record(
    model: Model,
    rows: list[Tokenized],
    table: pd.DataFrame,
    keep_states: bool,
    parts: Parts | None,
    lens: bool,
    words: Words | None,
    heads: Heads | None,
    branching: bool,
    running: Prefixes,
) -> Arrays:
    try:
        return record(model, rows, keep_states, parts, lens, words, heads, branching, running)
    except NotFiniteError as problem:
        row = table.iloc[problem.row]
        where = f"after layer {problem.state}" if problem.state else "before layer 1"
        raise DepthscopeError(
            f"{row_name('stimuli', row['item'], row['condition'])}: NaN or infinity in the residual stream {where}; "
            "load the model in a wider precision (dtype='float32'), or leave the item out"
        ) from None


def _dataset(
    model: Model, table: pd.DataFrame, tokens: list[Tokenized], arrays: Arrays, settings: Mapping[str, Any]
) -> xr.Dataset:
    coords: dict[str, Any] = {
        **layer_coords(model.depth),
        **column_coords(table),
        "token_index": ("stimulus", np.array([row.positions[-1] for row in tokens])),
        "n_tokens": ("stimulus", np.array([len(row.ids) for row in tokens])),
        "n_subtokens": ("stimulus", np.array([row.n_subtokens for row in tokens])),
        "at_start": ("stimulus", np.array([row.at_start for row in tokens])),
        "token_exceeds": ("stimulus", np.array([row.straddled for row in tokens])),
        "state_exceeds": ("stimulus", np.array([row.exceeds for row in tokens])),
        "context": ("stimulus", np.array([row.context(model.causal) for row in tokens], dtype=object)),
    }
    if "part_gram" in arrays:
        coords["part"] = [*KINDS, "cross"]
    if "head_dot" in arrays:
        coords["attention_head"] = np.arange(1, arrays["head_dot"].shape[2] + 1)
    variables = {name: (DIMS[name], values) for name, values in arrays.items()}
    # a coordinate, so that it travels with whatever is computed from the Gram matrices
    coords["surprisal"] = variables.pop("surprisal")
    data: dict[str, Any] = dict(variables)
    data["update_norm"] = (("stimulus", "layer"), update_norm(arrays["gram"]))
    return xr.Dataset(data, coords, {**model_attrs(model), **settings})
