"""A contrast and its evidence for a terminal, by the same tables as on the page."""

from depthscope.statistics.result import Contrast
from depthscope.studies.contrast.page import CLUSTERS_FORM, EVIDENCE_FORM
from depthscope.studies.contrast.results import Evidence
from depthscope.studies.contrast.tables import clusters_table, evidence_table
from depthscope.studies.contrast.verdicts import in_short
from depthscope.studies.contrast.verdicts.wording import window_text
from depthscope.telling import Sheet


def contrast_told(c: Contrast) -> list[str | Sheet]:
    """What was tested, and its clusters."""
    tested, *lines = str(c).splitlines()
    table = CLUSTERS_FORM.of(clusters_table([c]))
    # a line for each cluster comes first
    return [tested, *lines] if table is None else [table.sheet(tested), *lines[len(c.clusters) :]]


def evidence_told(e: Evidence) -> list[str | Sheet]:
    """Every analysis at the layers of the window, then the sentences."""
    table = EVIDENCE_FORM.of(evidence_table(e))
    sheets = [] if table is None else [table.sheet(f"mean CSE over {window_text(e)}:")]
    return [*sheets, "", *(line.replace("**", "") for line in in_short(e))]
