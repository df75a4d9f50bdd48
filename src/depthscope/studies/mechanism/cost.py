"""What a run of the study will cost, before it begins."""

import pandas as pd

from depthscope.capture.batches import default_budget
from depthscope.capture.probes import Plan, plan_patches
from depthscope.capture.tokens import tokenize
from depthscope.model.cost import reading_speed
from depthscope.model.model import Model
from depthscope.studies.contrast.settings import Settings

# what a pass costs beside one token of plain reading: a pass with exchanged states runs half of the blocks on average
HALF = 0.5


def cost_ahead(
    model: Model, table: pd.DataFrame, probed: pd.DataFrame | None, a: str, b: str, settings: Settings
) -> str:
    """What lies ahead, in tokens and minutes at the speed of this machine now; what is finished already is not run again."""
    texts = sum(len(row.ids) for row in tokenize(model.tokenizer, table, settings.subtoken, model.max_length))
    lens = len(table) * model.depth if model.predicts else 0
    patches = 0
    if probed is not None:
        plan: Plan = plan_patches(model, probed, a, b, subtoken=settings.subtoken)
        patches = plan.tokens
    speed = reading_speed(model, settings.token_budget or default_budget(model.device))
    seconds = (texts + lens + HALF * patches) / speed
    exchange = f", {patches:,} with a state exchanged" if patches else ""
    return (
        f"ahead: {texts:,} tokens of texts, {lens:,} states through the head{exchange}; at {speed:,.0f} tokens/s about "
        f"{max(1, round(seconds / 60))} min, and some more for statistics. What is finished already is not run again."
    )
