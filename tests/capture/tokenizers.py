"""Small tokenizers of every kind, trained on a few sentences."""

from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

SENTENCES = ["The lawyer is a shark.", "My shark swam in the sea.", "He gave up the ghost.", "Le shark vole haut."] * 5
QUIET: dict[str, Any] = {"vocab_size": 80, "show_progress": False}


def unigram() -> Tokenizer:
    """As SentencePiece makes them, with a mark for the space before a word."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    special = ["<unk>", "<s>"]
    tokenizer.train_from_iterator(
        SENTENCES, trainers.UnigramTrainer(special_tokens=special, unk_token="<unk>", **QUIET)
    )
    return tokenizer


def sentencepiece_bpe() -> Tokenizer:
    """As Llama's: the mark is written by the normaliser."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse()])
    tokenizer.train_from_iterator(SENTENCES, trainers.BpeTrainer(special_tokens=["<unk>", "<s>"], **QUIET))
    return tokenizer


def wordpiece() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.train_from_iterator([*SENTENCES, "कल की"], trainers.WordPieceTrainer(special_tokens=["[UNK]"], **QUIET))
    return tokenizer


def wordlevel() -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(SENTENCES, trainers.WordLevelTrainer(special_tokens=["[UNK]"], show_progress=False))
    return tokenizer


def forgetful() -> Tokenizer:
    """A BPE without bytes and without a token for what it does not know, which it leaves out."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(SENTENCES, trainers.BpeTrainer(**QUIET))
    return tokenizer


def fast(tokenizer: Tokenizer, begin: str | None = None) -> Any:
    """As transformers holds it; with a special token ``begin`` put before every text."""
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **({"bos_token": begin} if begin else {}))
    if begin:
        token = wrapped.convert_tokens_to_ids(begin)
        wrapped.backend_tokenizer.post_processor = TemplateProcessing(
            single=f"{begin} $A", pair=f"{begin} $A $B", special_tokens=[(begin, token)]
        )
    return wrapped


def letters(known: str, *, bytelevel: bool = False, normalizer: Any = None, unknown: str | None = None) -> Tokenizer:
    """A BPE without merges that knows these signs alone; with a mark for the space before a word, or with a sign per byte."""
    signs = [*([unknown] if unknown else []), *dict.fromkeys(known)]
    tokenizer = Tokenizer(models.BPE({sign: i for i, sign in enumerate(signs)}, [], unk_token=unknown))
    if bytelevel:
        tokenizer.pre_tokenizer, tokenizer.decoder = (
            pre_tokenizers.ByteLevel(add_prefix_space=False),
            decoders.ByteLevel(),
        )
    else:
        tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    return tokenizer
