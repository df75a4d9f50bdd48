"""Do items depend on each other? And what to do about it."""

from depthscope.studies.contrast.dependence import Dependence


def dependence_words(one: Dependence) -> str:
    """How similar items with a label in common are, and the command that tests families."""
    alike = one.alike
    shared = f"{one.items} items share {alike.families} labels of {one.column!r}"
    value = f"the intraclass correlation of their differences is {alike.value:.2f} [{alike.low:.2f}, {alike.high:.2f}]"
    if one.found:
        return (
            f"{shared}, and {value}: items are not independent, and p is too small (the variance of the mean is "
            f"{alike.design_effect:.1f} times that of independent items); test families: --cluster-by {one.column}."
        )
    safe = f"to be safe, test families: --cluster-by {one.column}"
    return f"{shared}; {value}, which shows no dependence and does not exclude it; {safe}."
