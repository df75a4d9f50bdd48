"""GGUF checkpoints: transformers' own support, and a proof that the whole file has arrived."""

from depthscope.model.gguf.load import load_gguf, load_gguf_config, load_gguf_tokenizer

__all__ = ["load_gguf", "load_gguf_config", "load_gguf_tokenizer"]
