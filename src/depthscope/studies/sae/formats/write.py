"""A dictionary written in a format that others read."""

import os
from pathlib import Path

from depthscope.errors import DepthscopeError
from depthscope.store.names import given
from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.formats.names import written_format


def save_sae(dictionary: Dictionary, path: str | os.PathLike[str], format: str = "saelens") -> Path:
    """Write a dictionary; whatever can be folded into its weights is, so that the file computes the same.

    Parameters
    ----------
    dictionary : Dictionary
    path : str or path
        The folder, which is made; of ``openai`` the file, ``.pt`` or ``.safetensors``. What lies there is written over.
    format : {"saelens", "sparsify", "openai"}

    Returns
    -------
    Path
        What was written.

    Raises
    ------
    DepthscopeError
        The format cannot hold the dictionary (sparsify has no layer normalisation, openai nothing gated), or something else
        is in the way.
    OSError
        The disk is full, say; then nothing is there, or what was there before.
    """
    module, place = written_format(format), given(path, "a folder for a dictionary")
    try:
        module.write(dictionary, place)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as problem:
        raise DepthscopeError(f"{place}: cannot be written ({problem.strerror}); choose another place") from None
    return place
