"""Does CSE rise with surprisal over running text? What a scan says, with intervals, and two figures.

    python -m examples.surprisal scans/austen figures/

The folder is one that ``depthscope scan --measure cse --measure norm --measure surprisal`` wrote (docs/scan.md).
"""

import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import SplineTransformer

from depthscope.drawing.alt import describe
from depthscope.drawing.saving import encoded
from depthscope.drawing.style import (
    COLOURS,
    FAINT,
    INK,
    MUTED,
    NAMES,
    RULE,
    depth_axis,
    heading,
    look,
    note_below,
    sheet,
)

LEAST = 20  # tokens of a word that is ranked
SHOWN = 12  # words at each end
DRAWS = 2000  # of whole chapters, for intervals
SHIFTS = 20  # draws of the null
FOLDS = 10
SEED = 0
NAMED = {"position": "position", "frequency": "frequency", "surprisal": "surprisal", "kind": "kind of token"}
ASKED = ("position", "frequency", "surprisal")

# a token is a whole word if it begins with a space and no letter follows it
ROWS = """
    with tokens as (
        select *,
            lead(token) over (partition by document order by token_index) as following,
            count(*) over (partition by token_id) as occurrences,
            count(*) over () as total
        from '{folder}/tokens/*.parquet'
    )
    select document, token_index, token, position, surprisal, cse,
        log2(occurrences / total) as frequency,
        case when regexp_matches(token, '^\\s+\\p{{L}}') then 'word' when regexp_matches(token, '^\\p{{L}}') then 'piece'
            when regexp_matches(token, '\\p{{L}}|\\p{{N}}') then 'number or mixed' else 'punctuation' end as kind,
        case when regexp_matches(token, '^ \\p{{L}}+$') and not regexp_matches(coalesce(following, ''), '^\\p{{L}}')
            then lower(trim(token)) end as word
    from tokens
    order by document, token_index
"""


def read(folder: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """A row per token, and its CSE by layer, NaN where there is none."""
    table = duckdb.sql(ROWS.format(folder=folder)).to_arrow_table()
    cse = table["cse"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return table.drop_columns("cse").to_pandas(), cse.reshape(len(table), -1).astype(float)


def middle(depth: int) -> slice:
    """The layers between a third and two thirds of the depth, both included."""
    return slice(int(np.ceil(depth / 3)) - 1, depth * 2 // 3)


def weights(groups: int) -> np.ndarray:
    """How often each chapter is drawn, in each of ``DRAWS`` draws with replacement."""
    return np.random.default_rng(SEED).multinomial(groups, np.full(groups, 1 / groups), DRAWS).astype(float)


def interval(draws: np.ndarray, axis: int = 0) -> tuple[np.ndarray, np.ndarray]:
    low, high = np.nanquantile(draws, (0.025, 0.975), axis=axis)
    return low, high


def design(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """What may explain CSE: curves of four pieces with cubic joints, and the kind of token as dummies."""
    columns = {}
    for name, values in (
        ("position", np.log2(rows["position"] + 1)),
        ("frequency", rows["frequency"]),
        ("surprisal", rows["surprisal"]),
    ):
        spline = SplineTransformer(n_knots=5, degree=3, knots="quantile", include_bias=False, extrapolation="linear")
        columns[name] = spline.fit_transform(values.to_numpy()[:, None])
    columns["kind"] = pd.get_dummies(rows["kind"], drop_first=True).to_numpy(float)
    return columns


def left_over(columns: list[np.ndarray], values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """What is left of each value when it is predicted from chapters other than its own."""
    x, left = np.hstack(columns), np.empty_like(values)
    for train, test in GroupKFold(FOLDS, shuffle=True, random_state=SEED).split(x, groups=group):
        left[test] = values[test] - LinearRegression().fit(x[train], values[train]).predict(x[test])
    return left


def of_type(token: np.ndarray, values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """The same from which token it is: the mean of its type elsewhere, drawn towards the mean of all as by five tokens."""
    left = np.empty_like(values)
    number = pd.factorize(token)[0]
    for train, test in GroupKFold(FOLDS, shuffle=True, random_state=SEED).split(values, groups=group):
        mean = values[train].mean(0)
        count = np.bincount(number[train], minlength=number.max() + 1)
        total = np.stack(
            [np.bincount(number[train], column, number.max() + 1) for column in (values[train] - mean).T], 1
        )
        left[test] = values[test] - mean - (total / (count + 5.0)[:, None])[number[test]]
    return left


class Explained:
    """Share of the variance that predictions explain in chapters they were not fitted on, and its draws."""

    def __init__(self, values: np.ndarray, group: np.ndarray, drawn: np.ndarray) -> None:
        self.group, self.drawn, self.size = group, drawn, drawn.shape[1]
        moments = [self._by_chapter(values**power) for power in (0, 1, 2)]
        self.total = self._spread(*(moment.sum(0) for moment in moments))
        self.totals = self._spread(*(drawn @ moment for moment in moments))

    def __call__(self, left: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        squares = self._by_chapter(left**2)
        return 1 - squares.sum(0) / self.total, 1 - self.drawn @ squares / self.totals

    def _by_chapter(self, values: np.ndarray) -> np.ndarray:
        return np.stack([np.bincount(self.group, column, self.size) for column in values.T], 1)

    @staticmethod
    def _spread(count: np.ndarray, total: np.ndarray, squares: np.ndarray) -> Any:
        return squares - total**2 / count


def explain(rows: pd.DataFrame, values: np.ndarray, group: np.ndarray, drawn: np.ndarray) -> pd.DataFrame:
    """Each predictor alone, all, all but one; a row per question and layer."""
    columns, explained = design(rows), Explained(values, group, drawn)
    every = [columns[name] for name in ASKED]
    kind = columns["kind"]
    asked: dict[str, tuple[np.ndarray, np.ndarray]] = {
        name: explained(left_over([columns[name]], values, group)) for name in columns
    }
    asked["the three"] = explained(left_over(every, values, group))
    asked["all four"] = whole = explained(left_over([*every, kind], values, group))
    for name in columns:
        less = explained(left_over([columns[other] for other in columns if other != name], values, group))
        asked[f"{name} beyond the rest"] = whole[0] - less[0], whole[1] - less[1]
    typical = of_type(rows["token"].to_numpy(), values, group)
    asked["which token it is"] = alone = explained(typical)
    more = explained(left_over([columns["position"], columns["surprisal"]], typical, group))
    asked["position and surprisal beyond it"] = more[0] - alone[0], more[1] - alone[1]
    return pd.DataFrame(
        [
            (name, layer, share, low, high)
            for name, (shares, draws) in asked.items()
            for layer, share, low, high in zip(range(len(shares)), shares, *interval(draws), strict=True)
        ],
        columns=["of", "layer", "share", "low", "high"],
    )


def correlations(rows: pd.DataFrame, value: np.ndarray, group: np.ndarray, drawn: np.ndarray) -> pd.DataFrame:
    """Spearman's rho with each predictor, and with the others and the kind of token held equal (of ranks taken once)."""
    ranks = pd.DataFrame({"cse": value, **{name: rows[name] for name in ASKED}}).rank()
    held = pd.get_dummies(rows["kind"], drop_first=True).astype(float)
    table = np.column_stack([ranks / len(ranks), held])
    table -= table.mean(0)
    sums = np.zeros((drawn.shape[1], table.shape[1] + 1, table.shape[1] + 1))
    for number in range(drawn.shape[1]):
        some = np.column_stack([np.ones((group == number).sum()), table[group == number]])
        sums[number] = some.T @ some
    found = []
    for i, name in enumerate(ASKED, 1):

        def rho(cross: np.ndarray, others: list[int], i: int = i) -> float:
            cov = cross[1:, 1:] - np.outer(cross[0, 1:], cross[0, 1:]) / cross[0, 0]
            pair = [0, i]
            rest = cov[np.ix_(pair, pair)]
            if others:
                rest = (
                    rest
                    - cov[np.ix_(pair, others)]
                    @ np.linalg.pinv(cov[np.ix_(others, others)])
                    @ cov[np.ix_(others, pair)]
                )
            return float(rest[0, 1] / np.sqrt(rest[0, 0] * rest[1, 1]))

        others = [j for j in range(1, table.shape[1]) if j != i]
        for what, rest in (("plain", []), ("others held equal", others)):
            draws = np.array([rho(np.tensordot(draw, sums, 1), rest) for draw in drawn[:500]])
            found.append((name, what, rho(sums.sum(0), rest), *interval(draws)))
    return pd.DataFrame(found, columns=["of", "what", "rho", "low", "high"])


def shifted(values: np.ndarray, group: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each chapter's values moved round by at least 100 tokens: the same values, of other tokens."""
    moved = np.empty_like(values)
    for number in range(group.max() + 1):
        where = np.flatnonzero(group == number)
        moved[where] = np.roll(values[where], rng.integers(100, len(where) - 100), axis=0)
    return moved


def words(rows: pd.DataFrame, value: np.ndarray, group: np.ndarray, drawn: np.ndarray) -> pd.DataFrame:
    """Mean mid-depth CSE of each word of ``LEAST`` tokens and more, with its interval over chapters."""
    some = rows["word"].notna().to_numpy()
    number, names = pd.factorize(rows["word"][some])
    shape = len(names), drawn.shape[1]
    cell = number * shape[1] + group[some]
    count = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
    total = np.bincount(cell, value[some], shape[0] * shape[1]).reshape(shape)
    often = count.sum(1) >= LEAST
    count, total, names = count[often], total[often], names[often]
    with np.errstate(invalid="ignore"):
        low, high = interval((total @ drawn.T) / (count @ drawn.T), axis=1)
        halves = [total[:, half::2].sum(1) / count[:, half::2].sum(1) for half in (0, 1)]
    found = pd.DataFrame(
        {"word": names, "count": count.sum(1), "mean": total.sum(1) / count.sum(1), "low": low, "high": high}
    )
    found["even"], found["odd"] = halves
    return found.sort_values("mean", ascending=False, ignore_index=True)


def binned(
    rows: pd.DataFrame, values: np.ndarray, group: np.ndarray, drawn: np.ndarray, bins: int = 20
) -> pd.DataFrame:
    """Mean CSE in each twentieth of the tokens by surprisal, with intervals over chapters."""
    place = pd.qcut(rows["surprisal"], bins, labels=False).to_numpy()
    cell, shape = place * drawn.shape[1] + group, (bins, drawn.shape[1])
    count, total, bits = (
        np.bincount(cell, w, np.prod(shape)).reshape(shape) for w in (None, values, rows["surprisal"])
    )
    low, high = interval((total @ drawn.T) / (count @ drawn.T), axis=1)
    count = count.sum(1)
    return pd.DataFrame({"bits": bits.sum(1) / count, "mean": total.sum(1) / count, "low": low, "high": high})


def draw_words(found: pd.DataFrame, overall: float, agreement: float, text: str) -> Any:
    with look():
        figure = sheet(92)
        panels = figure.subplots(1, 2, sharex=True)
        for ax, some, colour, name in (
            (panels[0], found.head(SHOWN), COLOURS[0], "highest"),
            (panels[1], found.tail(SHOWN)[::-1], COLOURS[1], "lowest"),
        ):
            y = np.arange(len(some))[::-1]
            ax.axvline(overall, color=RULE, lw=0.7, zorder=0)
            ax.hlines(y, some["low"], some["high"], color=colour, lw=1.2)
            ax.plot(some["mean"], y, "o", color=colour, ms=3.5)
            ax.set_yticks(y, [f"{word} ({count})" for word, count in zip(some["word"], some["count"], strict=True)])
            ax.set_xlabel("mean CSE of the layers between 1/3 and 2/3 of the depth")
            ax.xaxis.label.set_size(NAMES)
            ax.spines["left"].set_visible(False)
            ax.tick_params(axis="y", length=0)
            heading(ax, f"The {len(some)} words with the {name} CSE")
        note_below(figure, text)
        title = "Words with the highest and the lowest mid-depth CSE"
        ends = [", ".join(some["word"]) for some in (found.head(SHOWN), found.tail(SHOWN)[::-1])]
        describe(
            figure,
            title,
            f"Highest: {ends[0]}. Lowest: {ends[1]}. Means of two halves of the chapters: rho {agreement:.2f}.",
        )
    return figure


def draw_surprisal(curves: dict[str, pd.DataFrame], shares: pd.DataFrame, depth: int, text: str) -> Any:
    with look():
        figure = sheet(88)
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.35))
        for (name, curve), colour in zip(curves.items(), COLOURS, strict=False):
            left.fill_between(curve["bits"], curve["low"], curve["high"], color=colour, alpha=0.2, lw=0)
            left.plot(curve["bits"], curve["mean"], color=colour, lw=1.2, marker="o", ms=2.5, label=name)
        left.set_xlabel("surprisal (bits), means of twentieths")
        left.set_ylabel("CSE")
        left.legend(loc="best")
        heading(left, "CSE by surprisal")
        for name, colour, style in (
            ("which token it is", MUTED, (0, (1, 1))),
            ("all four", INK, "-"),
            ("kind", COLOURS[3], "-"),
            ("frequency", COLOURS[2], "-"),
            ("surprisal", COLOURS[0], "-"),
            ("position", COLOURS[1], "-"),
        ):
            one = shares[shares["of"] == name]
            right.fill_between(one["layer"], one["low"], one["high"], color=colour, alpha=0.15, lw=0)
            right.plot(one["layer"], one["share"], color=colour, lw=1.3, ls=style, label=NAMED.get(name, name))
        right.axhline(0, color=FAINT, lw=0.6, zorder=0)
        right.set_ylabel("share of the variance (out of sample)")
        depth_axis(right, depth)
        right.legend(loc="best", ncols=2)
        heading(right, "What explains CSE at each layer, alone")
        note_below(figure, text)
        title = "CSE and surprisal over running text"
        said = [
            f"{name}: mean CSE {c['mean'].iloc[0]:.3f} at the least, {c['mean'].iloc[-1]:.3f} at the most surprisal."
            for name, c in curves.items()
        ]
        describe(figure, title, *said)
    return figure


def main(folder: Path, out: Path) -> None:
    rows, cse = read(folder)
    first = (rows["position"] == 0).to_numpy()
    depth = cse.shape[1]
    mid = middle(depth)
    print(
        f"{len(rows):,} tokens of {rows['document'].nunique()} documents; mid-depth: layers {mid.start + 1} to {mid.stop}"
    )
    at_first = np.nanmean(cse[first][:, mid]), np.nanmean(cse[~first][:, mid])
    print(f"mid-depth CSE of {first.sum()} tokens at position 0: {at_first[0]:.3f}; of all others: {at_first[1]:.3f}")
    kept = ~first & rows["surprisal"].notna().to_numpy()
    rows, cse = rows[kept].reset_index(drop=True), cse[kept]
    value = np.nanmean(cse[:, mid], axis=1)
    group = pd.factorize(rows["document"])[0]
    drawn = weights(group.max() + 1)
    print(f"sd of mid-depth CSE over tokens: {value.std():.4f}")

    found = words(rows, value, group, drawn)
    agreement = found[["even", "odd"]].corr("spearman").iloc[0, 1]
    print(f"\n{len(found)} words of {LEAST} tokens and more; means of even and of odd chapters: rho = {agreement:.2f}")
    print(pd.concat([found.head(SHOWN), found.tail(SHOWN)]).round(4).to_string(index=False))

    print(
        "\nSpearman's rho with mid-depth CSE\n", correlations(rows, value, group, drawn).round(3).to_string(index=False)
    )
    for few in (16, 128):
        some = (rows["position"] >= few).to_numpy()
        rho = correlations(rows[some].reset_index(drop=True), value[some], group[some], drawn[:2])
        print(
            f"without positions below {few}: {dict(zip(rho['of'] + ', ' + rho['what'], rho['rho'].round(3), strict=True))}"
        )

    shares = explain(rows, value[:, None], group, drawn)
    print("\nshare of the variance of mid-depth CSE\n", shares.drop(columns="layer").round(4).to_string(index=False))
    other = (rows["token"] != " the").to_numpy()
    less = explain(rows[other].reset_index(drop=True), value[other][:, None], group[other], drawn)
    print("\nthe same without ' the'\n", less.drop(columns="layer").round(4).to_string(index=False))
    rng = np.random.default_rng(SEED)
    columns = list(design(rows).values())
    null = []
    for _ in range(SHIFTS):
        other = shifted(value[:, None], group, rng)
        null.append(Explained(other, group, drawn[:1])(left_over(columns, other, group))[0][0])
    print(f"the same with CSE of other tokens: all four explain {np.min(null):.5f} to {np.max(null):.5f}")

    layers = ~np.isnan(cse).any(0)
    by_layer = explain(rows, cse[:, layers], group, drawn)
    by_layer["layer"] = np.flatnonzero(layers)[by_layer["layer"]] + 1
    wide = by_layer.pivot(index="layer", columns="of", values="share")[
        ["position", "frequency", "surprisal", "kind", "all four", "which token it is", "surprisal beyond the rest"]
    ]
    print("\nby layer\n", wide.round(3).to_string())
    rho = [pd.Series(cse[:, i]).corr(rows["surprisal"], "spearman") for i in np.flatnonzero(layers)]
    print(
        "\nrho with surprisal by layer:",
        dict(zip((np.flatnonzero(layers) + 1).tolist(), np.round(rho, 3).tolist(), strict=True)),
    )

    curve = binned(rows, value, group, drawn)
    print("\nCSE by surprisal\n", curve.round(4).to_string(index=False))
    kinds = {
        name: binned(rows[mask].reset_index(drop=True), value[mask], group[mask], drawn)
        for name in ("word", "piece")
        if (mask := (rows["kind"] == name).to_numpy()).sum() > 100 * 20
    }
    about = f"{len(rows):,} tokens, {drawn.shape[1]} chapters; bands: 95 %, of {DRAWS:,} draws of chapters"
    out.mkdir(parents=True, exist_ok=True)
    figures = {
        "scan-types": draw_words(
            found,
            value.mean(),
            agreement,
            f"Words of {LEAST} tokens and more ({len(found)}), counts in brackets; grey: mean of all tokens. {about}. "
            "The ends of a ranking are more extreme than what they are the ends of.",
        ),
        "scan-surprisal": draw_surprisal(
            {"all tokens": curve, **kinds},
            by_layer,
            depth,
            f"Left: mean of layers {mid.start + 1} to {mid.stop}. Right: shares in chapters that the fit has not seen; "
            f"position, frequency and surprisal as curves (splines). {about}.",
        ),
    }
    for name, figure in figures.items():
        (out / f"{name}.png").write_bytes(encoded(figure, "png"))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
