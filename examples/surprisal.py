"""Does CSE rise with surprisal over running text? What a scan says, with intervals, and two figures.

    python -m examples.surprisal scans/austen figures/

The folder is one that ``depthscope scan --measure cse --measure norm --measure surprisal`` wrote (docs/studies/scan.md).
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
BINS = 20  # of the curve; a kind of token with fewer than 100 in each has none
SEED = 0
DOTS = (0, (1, 1))
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
    columns, values = {}, rows.assign(position=np.log2(rows["position"] + 1))
    for name in ASKED:
        spline = SplineTransformer(n_knots=5, degree=3, knots="quantile", include_bias=False, extrapolation="linear")
        columns[name] = spline.fit_transform(values[[name]].to_numpy())
    columns["kind"] = pd.get_dummies(rows["kind"], drop_first=True).to_numpy(float)
    return columns


def folds(group: np.ndarray) -> GroupKFold:
    return GroupKFold(min(FOLDS, group.max() + 1), shuffle=True, random_state=SEED)


def left_over(columns: list[np.ndarray], values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """What is left of each value when it is predicted from chapters other than its own."""
    x, left = np.hstack(columns), np.empty_like(values)
    for train, test in folds(group).split(x, groups=group):
        left[test] = values[test] - LinearRegression().fit(x[train], values[train]).predict(x[test])
    return left


def of_type(token: np.ndarray, values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """The same from which token it is: the mean of its type elsewhere, drawn towards the mean of all as by five tokens."""
    left = np.empty_like(values)
    number = pd.factorize(token)[0]
    for train, test in folds(group).split(values, groups=group):
        mean = values[train].mean(0)
        count = np.bincount(number[train], minlength=number.max() + 1)
        sums = [np.bincount(number[train], column, number.max() + 1) for column in (values[train] - mean).T]
        left[test] = values[test] - mean - (np.stack(sums, 1) / (count + 5.0)[:, None])[number[test]]
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
    asked: dict[str, tuple[np.ndarray, np.ndarray]] = {
        name: explained(left_over([columns[name]], values, group)) for name in columns
    }
    asked["the three"] = explained(left_over([columns[name] for name in ASKED], values, group))
    asked["all four"] = whole = explained(left_over(list(columns.values()), values, group))
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
    """Spearman's rho with each predictor: plain; the others and the kind of token held equal; of one and the same token.

    Of ranks taken once, over all tokens; of one and the same token, as they differ from the mean of their type.
    """
    ranks = pd.DataFrame({"cse": value, **{name: rows[name] for name in ASKED}}).rank(pct=True)
    table = ranks.join(pd.get_dummies(rows["kind"], drop_first=True).astype(float))
    own = ranks - ranks.groupby(rows["token"]).transform("mean")
    found = []
    for name in ASKED:
        others = [other for other in table if other not in ("cse", name)]
        found.append((name, "plain", *rho(table[["cse", name]], group, drawn)))
        found.append((name, "others held equal", *rho(table[["cse", name, *others]], group, drawn)))
        if name != "frequency":  # a token has only one
            found.append((name, "the same token", *rho(own[["cse", name]], group, drawn)))
    return pd.DataFrame(found, columns=["of", "what", "rho", "low", "high"])


def rho(table: pd.DataFrame, group: np.ndarray, drawn: np.ndarray) -> tuple[Any, ...]:
    """Correlation of the first two columns with the others held equal, and its interval over chapters."""
    values = np.column_stack([np.ones(len(table)), table - table.mean()])
    size = values.shape[1]
    cross = np.stack([values[group == i].T @ values[group == i] for i in range(drawn.shape[1])]).reshape(-1, size**2)
    found = []
    for drawing in (np.ones((1, drawn.shape[1])), drawn):
        sums = (drawing @ cross).reshape(-1, size, size)
        mean = sums[:, 0, 1:] / sums[:, :1, 0]
        inverse = np.linalg.pinv(sums[:, 1:, 1:] / sums[:, :1, :1] - mean[:, :, None] * mean[:, None], hermitian=True)
        found.append(-inverse[:, 0, 1] / np.sqrt(inverse[:, 0, 0] * inverse[:, 1, 1]))
    return found[0][0], *interval(found[1])


def shifted(values: np.ndarray, group: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each chapter's values moved round by 100 tokens or more, if it is as long: the same values, of other tokens."""
    moved = np.empty_like(values)
    for number in range(group.max() + 1):
        where = np.flatnonzero(group == number)
        least = min(100, len(where) // 2)
        moved[where] = np.roll(values[where], rng.integers(least, len(where) - least + 1), axis=0)
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
    found = pd.DataFrame({"word": names, "count": count.sum(1), "mean": total.sum(1) / count.sum(1)})
    found["low"], found["high"], found["even"], found["odd"] = low, high, *halves
    return found.sort_values("mean", ascending=False, ignore_index=True)


def binned(bits: pd.Series, values: np.ndarray, group: np.ndarray, drawn: np.ndarray) -> pd.DataFrame:
    """Mean CSE in each twentieth of the tokens by surprisal, with intervals over chapters."""
    shape = BINS, drawn.shape[1]
    cell = pd.qcut(bits, BINS, labels=False).to_numpy() * shape[1] + group
    count, total, sums = (np.bincount(cell, w, BINS * shape[1]).reshape(shape) for w in (None, values, bits))
    low, high = interval((total @ drawn.T) / (count @ drawn.T), axis=1)
    count = count.sum(1)
    return pd.DataFrame({"bits": sums.sum(1) / count, "mean": total.sum(1) / count, "low": low, "high": high})


def itself(token: pd.Series, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which tokens are of a type that occurs ``LEAST`` times; how far each of them lies from the mean of its type."""
    types = pd.Series(values, token.index).groupby(token)
    some = (types.transform("size") >= LEAST).to_numpy()
    return some, (values - types.transform("mean").to_numpy())[some]


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
        halves = f"Means of two halves of the chapters: rho {agreement:.2f}."
        describe(figure, title, f"Highest: {ends[0]}. Lowest: {ends[1]}. {halves}")
    return figure


def draw_surprisal(curves: dict[str, pd.DataFrame], shares: pd.DataFrame, depth: int, text: str) -> Any:
    with look():
        figure = sheet(88)
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.35))
        colours = {"all tokens": INK, "word": COLOURS[4], "piece": COLOURS[5], "the same token": MUTED}
        for name, curve in curves.items():
            colour, style = colours[name], DOTS if name == "the same token" else "-"
            left.fill_between(curve["bits"], curve["low"], curve["high"], color=colour, alpha=0.2, lw=0)
            left.plot(curve["bits"], curve["mean"], color=colour, lw=1.2, ls=style, marker="o", ms=2, label=name)
        left.set_xlabel("surprisal (bits), means of twentieths")
        left.set_ylabel("CSE")
        left.legend(loc="best")
        heading(left, "CSE by surprisal")
        colours = {"which token it is": MUTED, "all four": INK, "kind": COLOURS[3], "frequency": COLOURS[2]}
        for name, colour in (colours | {"surprisal": COLOURS[0], "position": COLOURS[1]}).items():
            one, style = shares[shares["of"] == name], DOTS if name == "which token it is" else "-"
            right.fill_between(one["layer"], one["low"], one["high"], color=colour, alpha=0.15, lw=0)
            right.plot(
                one["layer"],
                one["share"],
                color=colour,
                lw=1.3,
                ls=style,
                label="kind of token" if name == "kind" else name,
            )
        right.axhline(0, color=FAINT, lw=0.6, zorder=0)
        right.set_ylabel("share of the variance (out of sample)")
        depth_axis(right, depth)
        right.legend(loc="best", ncols=2)
        heading(right, "What explains CSE at each layer, alone")
        note_below(figure, text)
        said = [
            f"{name}: mean CSE {c['mean'].iloc[0]:.3f} at the least, {c['mean'].iloc[-1]:.3f} at the most surprisal."
            for name, c in curves.items()
        ]
        describe(figure, "CSE and surprisal over running text", *said)
    return figure


def main(folder: Path, out: Path) -> None:
    rows, cse = read(folder)
    first = (rows["position"] == 0).to_numpy()
    depth = cse.shape[1]
    mid = middle(depth)
    value = np.nanmean(cse[:, mid], axis=1)
    print(f"{len(rows):,} tokens of {rows['document'].nunique()} documents; layers {mid.start + 1}-{mid.stop}")
    print(
        f"CSE of {first.sum()} tokens at position 0: {value[first].mean():.3f}; of others: {value[~first].mean():.3f}"
    )
    print(f"to be the one or the other explains {np.corrcoef(first, value)[0, 1] ** 2:.4f} of the variance of all")
    kept = ~first & rows["surprisal"].notna().to_numpy()
    rows, cse, value = rows[kept].reset_index(drop=True), cse[kept], value[kept]
    group = pd.factorize(rows["document"])[0]
    drawn = weights(group.max() + 1)
    print(f"sd of mid-depth CSE over tokens: {value.std():.4f}")

    found = words(rows, value, group, drawn)
    agreement = found[["even", "odd"]].corr("spearman").iloc[0, 1]
    print(f"\n{len(found)} words of {LEAST} tokens and more; means of even and of odd chapters: rho = {agreement:.2f}")
    print(pd.concat([found.head(SHOWN), found.tail(SHOWN)]).round(4).to_string(index=False))

    of_all = correlations(rows, value, group, drawn)
    print("\nSpearman's rho with mid-depth CSE\n", of_all.round(3).to_string(index=False))
    for few in (16, 128):
        some = (rows["position"] >= few).to_numpy()
        if not some.any():
            continue
        later = correlations(rows[some], value[some], group[some], np.ones((1, drawn.shape[1])))
        print(f"\nwithout positions below {few}\n", later[["of", "what", "rho"]].round(3).to_string(index=False))

    shares = explain(rows, value[:, None], group, drawn)
    print("\nshare of the variance of mid-depth CSE\n", shares.drop(columns="layer").round(4).to_string(index=False))
    lowest = " " + found["word"].iloc[-1]
    some = (rows["token"] != lowest).to_numpy()
    less = explain(rows[some].reset_index(drop=True), value[some][:, None], group[some], drawn)
    print(f"\nthe same without {lowest!r}\n", less.drop(columns="layer").round(4).to_string(index=False))
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
        [*ASKED, "kind", "all four", "which token it is", "surprisal beyond the rest"]
    ]
    wide["rho of surprisal"] = [pd.Series(cse[:, i - 1]).corr(rows["surprisal"], "spearman") for i in wide.index]
    print("\nby layer\n", wide.round(3).to_string())

    curves = {"all tokens": binned(rows["surprisal"], value, group, drawn)}
    for name in ("word", "piece"):
        some = (rows["kind"] == name).to_numpy()
        if some.sum() >= 100 * BINS:
            curves[name] = binned(rows["surprisal"][some], value[some], group[some], drawn)
    some, own = itself(rows["token"], value)
    curves["the same token"] = binned(rows["surprisal"][some], own + value.mean(), group[some], drawn)
    for name, curve in curves.items():
        print(f"\nCSE by surprisal, {name}\n", curve.round(4).to_string(index=False))
    about = f"{len(rows):,} tokens, {drawn.shape[1]} chapters; bands: 95 %, of {DRAWS:,} draws of chapters"
    out.mkdir(parents=True, exist_ok=True)
    of_words = (
        f"Words of {LEAST} tokens and more ({len(found)}), counts in brackets; grey: mean of all tokens. {about}. "
        "The ends of a ranking are more extreme than what they are the ends of."
    )
    of_surprisal = (
        f"Left: mean of layers {mid.start + 1}-{mid.stop}; the same token: mean of all, plus how far each token lies from "
        f"the mean of its type ({LEAST} tokens and more). Right: shares in chapters that the fit has not seen; "
        f"position, frequency and surprisal as curves (splines). {about}."
    )
    figures = {
        "scan-types": draw_words(found, value.mean(), agreement, of_words),
        "scan-surprisal": draw_surprisal(curves, by_layer, depth, of_surprisal),
    }
    for name, figure in figures.items():
        (out / f"{name}.png").write_bytes(encoded(figure, "png"))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
