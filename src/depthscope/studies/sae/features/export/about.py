"""What an export is of: without it nobody could tell later which dictionary its activations belong to."""

from typing import Any

from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.features.named import site_of
from depthscope.studies.sae.formats.hooks import hook_of, module_of
from depthscope.version import __version__


def about_dictionary(name: str, dictionary: Dictionary) -> dict[str, Any]:
    """Model, site and size; the names that others have for the site, where they have one."""
    site, origin = site_of(dictionary), dictionary.origin
    return {
        "dictionary": name,
        "model": origin.model,
        "model_fingerprint": origin.fingerprint,
        "site": str(site),
        "written_to": str(origin.target) if origin.target else str(site),
        "hook_name": hook_of(site),
        "module": module_of(site),
        "latents": dictionary.latents,
        "features": dictionary.width,
        "activation": repr(dictionary.activation),
        "written_by": f"depthscope {__version__}",
    }
