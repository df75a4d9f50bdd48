"""``depthscope models``."""

import argparse
from typing import Any


class Models:
    """Models that need no model hub, and how to get them."""

    def add_to(self, commands: Any) -> None:
        parser = commands.add_parser("models", help="models that need no hub", description=self.__doc__)
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> None:
        from depthscope.errors import DepthscopeError
        from depthscope.model import embedded

        try:
            state = f"installed ({embedded.find_weights()})"
        except DepthscopeError as problem:
            state = str(problem)
        print(f"{embedded.NAME}: {embedded.TITLE}, 30 layers, {embedded.LICENCE}")
        print(f"  get it:  {embedded.INSTALL}")
        print(f"  here:    {state}")
        print(f"  cache:   {embedded.cache_folder()} (change it with DEPTHSCOPE_CACHE)")
        print("any other: --model takes a Hugging Face id, a local folder, or a .gguf file")
