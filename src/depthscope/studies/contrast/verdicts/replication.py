"""Does what one run shows hold in the others?"""

from depthscope.studies.contrast.across import Replication

CAUTION = """\
Counts of models are no test. Models share the items, and partly their architecture and training data, so that they are not
independent; and where labels mean nothing, one model in twenty shows some cluster all the same. "Not found" is not "absent".\
"""


def replication_words(found: Replication, what: str) -> str:
    """One sentence: in which of the other runs the effect is there. ``what`` they are: set, model."""
    if not found.shows:
        return f"`{found.origin}` itself shows nothing that could replicate; the table says what the others show."
    parts = []
    if found.held:
        parts.append(f"replicates in {', '.join(found.held)}")
    if found.absent:
        parts.append(f"is absent from {', '.join(found.absent)} (|dz| below {found.bound:g})")
    if found.open:
        parts.append(f"is not found in {', '.join(found.open)}")
    if found.against:
        parts.append(f"is reversed in {', '.join(found.against)}")
    if found.blind:
        parts.append(f"cannot be asked of {', '.join(found.blind)} (no layer is measured there)")
    return f"What `{found.origin}` shows {'; '.join(parts)}." if parts else f"There is no other {what} to compare with."
