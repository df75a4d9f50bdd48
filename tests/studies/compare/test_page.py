"""The page of a comparison: its columns are those of the tables that a comparison writes."""

from dataclasses import replace

import pandas as pd

from depthscope.studies.compare.page import PARTS
from tests.studies.compare.test_words import ALL, asked, parts, source
from tests.studies.contrast.planted import NOTHING, compare, measure


def test_every_column_of_the_page_is_filled_by_a_table_of_its_own():
    heads = pd.DataFrame({"layer": [1, 2], "head": [1, 1], "difference": [2.0, -1.0], "p_holm": [0.01, 0.9]})
    made = []
    for i in range(3):
        one = source(f"m{i}", ALL, items=24, seed=i, mechanism=parts(("mlp", 2.0, 0.5)))
        relative = compare(measure({"a": ALL, "b": NOTHING}, seed=i), "a", "b")
        made.append(replace(one, heads=heads, beside={"relative": relative}))
    c = asked(*made)
    tables = {
        "models.csv": c.to_dataframe(),
        "meta.csv": c.meta,
        "relative-models.csv": c.besides,
        "mechanism.csv": c.mechanisms,
        "heads.csv": c.heads,
    }
    forms = [form for part in PARTS for form in part.tables]
    assert {form.file for form in forms} == set(tables)
    for form in forms:
        shown = form.of(tables[form.file])
        assert list(shown.columns) == [column.head for column in form.columns], form.file
        assert len(shown.rows) == len(tables[form.file])
