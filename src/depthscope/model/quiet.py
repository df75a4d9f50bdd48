"""What other libraries say while they load is nothing to our users."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# they report kernels for other machines, and deprecations among each other
_CHATTY = ("torchao", "torch.utils._pytree", "bitsandbytes")

# how the files fit; of a network that is on one device, that it is not spread over several; how two settings of a length
# go together
_REPORTS = (
    "transformers.modeling_utils",
    "transformers.distributed.tensor_parallel",
    "transformers.generation.utils",
    "transformers.models.whisper.generation_whisper",
)


@contextmanager
def quiet(transformers: Any) -> Iterator[None]:
    """No bars of transformers within the block, and no report on how the files fit: that is ours to say."""
    hush()
    settings = transformers.utils.logging
    shown = settings.is_progress_bar_enabled()
    settings.disable_progress_bar()
    reports = {logging.getLogger(name): logging.getLogger(name).level for name in _REPORTS}
    for report in reports:
        report.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for report, level in reports.items():
            report.setLevel(level)
        if shown:
            settings.enable_progress_bar()


def hush() -> None:
    """Errors only, from the libraries that quantise, unless the user has said otherwise."""
    for name in _CHATTY:
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.ERROR)
