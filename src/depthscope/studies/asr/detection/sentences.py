"""What detectors of wrong words are worth, in sentences by rule."""

import pandas as pd

from depthscope.drawing.reading import some
from depthscope.studies.asr.detection.conditions import TAILED
from depthscope.studies.asr.detection.results import ALL, KNOWN, TOGETHER
from depthscope.studies.asr.results import NOTHING
from depthscope.words import names_text

READING = (
    "AUC is the chance that a wrong word looks more suspicious than a right one: 0.5 is chance, 1 never fails, and one below "
    "0.5 means the opposite of what was expected of it. The word's own "
    "log p is what every recogniser knows already; difference is how much better a score is, and gain how much better a "
    "regression on log p and the log p of its least token becomes with it, on clips that it has not seen. Only an interval "
    "above 0 says that attribution adds something. Intervals are not corrected for the number of scores that were tried."
)


def title(words: pd.DataFrame) -> str:
    models = names_text(dict.fromkeys(words["model"]))
    return f"Which of the words that {models} wrote are wrong"


def answer(words: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    """How many words are wrong; whether anything adds to their probability."""
    wrong = int(words["wrong"].sum())
    clips = words["clip"].nunique()
    first = f"{wrong} of {some(len(words), 'word')} are wrong, of {some(clips, 'sound')} as they are and made worse."
    if not len(table):
        return [first, "Too few are wrong, or too few right, for any score to be tested."]
    return [first, *(_worth(rows) for rows in _of(table, ALL)), *(_tailed(rows) for rows in _of(table, TAILED))]


def detector_words(table: pd.DataFrame) -> list[str]:
    """For each model and kind of speech: where no word was said, and the condition in which attribution adds most."""
    said: list[str] = []
    if not len(table):
        return said
    for (model, speech), mine in table[table["condition"] != ALL].groupby(["model", "speech"], sort=False):
        adding = _above(mine, "gain")
        if len(adding):
            named = names_text(
                [f"{row['detector']} ({row['condition']}, {_interval(row, 'gain')})" for _, row in adding.iterrows()], 4
            )
            said.append(f"{model}, {speech}, condition by condition: what adds to log p is {named}.")
        else:
            said.append(f"{model}, {speech}: in no single condition does any score add to log p beyond doubt.")
    return said


def verdict_words(rates: pd.DataFrame) -> list[str]:
    """Of how many right and wrong words it is said that they rest on nothing."""
    said = []
    if len(rates):
        mine = rates["condition"].isin((ALL, TAILED))
        for _, row in rates[(rates["verdict"] == NOTHING) & mine].iterrows():
            right, wrong = (_rate(row, name) for name in ("right", "wrong"))
            where = "" if row["condition"] == ALL else ", with a tail or that alone"
            said.append(f"{row['model']}, {row['speech']}{where}: “{NOTHING}” is said of {right}, and of {wrong}.")
    return said


def _rate(row: "pd.Series[float]", name: str) -> str:
    words = some(int(row[f"{name}_words"]), f"{name} word")
    return f"{row[name]:.1%} [{row[f'{name}_low']:.1%}, {row[f'{name}_high']:.1%}] of {words}"


def _tailed(rows: pd.DataFrame) -> str:
    """Of one model and kind of speech, words of sounds with a tail, and of tails alone."""
    own, others = rows[rows["detector"] == KNOWN[0]].iloc[0], rows[~rows["detector"].isin((*KNOWN, TOGETHER))]
    first = f"{own['model']}, {own['speech']}, with a tail or that alone ({own['wrong']} of {own['words']} wrong): log p has"
    if not len(others):
        return f"{first} {_interval(own, 'auc')}."
    best = others.iloc[int(others["auc"].argmax())]
    return f"{first} {_interval(own, 'auc')}, {best['detector']} {_interval(best, 'auc')}, which is {_held(best)}."


def _of(table: pd.DataFrame, condition: str) -> list[pd.DataFrame]:
    whole = table[table["condition"] == condition]
    return [rows for _, rows in whole.groupby(["model", "speech"], sort=False)]


def _worth(rows: pd.DataFrame) -> str:
    """Of one model and kind of speech, over all conditions."""
    own, others = rows[rows["detector"] == KNOWN[0]].iloc[0], rows[~rows["detector"].isin((*KNOWN, TOGETHER))]
    first = (
        f"{own['model']}, {own['speech']} ({own['wrong']} of {own['words']} wrong): the word's own log p tells them with an "
        f"AUC of {_interval(own, 'auc')}"
    )
    if not len(others):
        return f"{first}."
    best = others.iloc[int(others["auc"].argmax())]
    held = _held(best)
    adding = _above(others, "gain")
    if len(adding):
        more = adding.iloc[int(adding["gain"].argmax())]
        names, helps = names_text(list(adding["detector"]), 4), "helps" if len(adding) == 1 else "help"
        last = f"Added to it, {names} {helps}, {more['detector']} most ({_interval(more, 'gain')})."
    else:
        last = "Added to it, none of them helps beyond doubt."
    if len(every := rows[rows["detector"] == TOGETHER]):
        last += f" All of them together: {_interval(every.iloc[0], 'gain')}."
    return f"{first}; the best other score, {best['detector']}, {_interval(best, 'auc')}, is {held}. {last}"


def _held(row: "pd.Series[float]") -> str:
    if row["difference_low"] > 0:
        return "better"
    return "worse" if row["difference_high"] < 0 else "not told apart from it"


def _above(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    found: pd.DataFrame = rows[rows[f"{name}_low"] > 0] if f"{name}_low" in rows else rows.iloc[:0]
    return found


def _interval(row: "pd.Series[float]", name: str) -> str:
    before, sign = ("", "") if name == "auc" else (f"{name}_", "+")
    return f"{row[name]:{sign}.2f} [{row[f'{before}low']:.2f}, {row[f'{before}high']:.2f}]"
