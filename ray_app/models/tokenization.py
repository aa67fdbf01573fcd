"""Tokenizers from scratch."""

import json
from collections.abc import Iterable

import numpy as np
from tokenizers import (
    Regex,
    Tokenizer,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from clir.errors import InputError
from clir.experiment import Model

SPECIAL = {"pad_token": "<pad>", "unk_token": "<unk>", "cls_token": "<s>", "sep_token": "</s>"}
# A number or a Latin word is the same piece wherever it stands: between blanks, in brackets, or in
# Chinese. They are much of what texts in two languages have in common before any training.
_WORD = r"[\p{Latin}\p{M}]+(?:['’][\p{Latin}\p{M}]+)*|\p{N}+|[^\p{Latin}\p{N}\p{P}\p{S}\s]+"


def train_tokenizer(texts: Iterable[str], settings: Model) -> PreTrainedTokenizerFast:
    """A Unigram tokenizer of ``settings.vocabulary`` pieces (letter case and width folded).

    It puts no marks around texts; a family may (``Family.frame``).
    """
    tokenizer = untrained()
    trainer = trainers.UnigramTrainer(
        vocab_size=settings.vocabulary,
        special_tokens=list(SPECIAL.values()),
        unk_token=SPECIAL["unk_token"],
        show_progress=False,
    )
    try:
        tokenizer.train_from_iterator(texts, trainer)
    except Exception as error:  # the library has no other kind
        if "vocabulary is not large enough" not in str(error):
            raise
        raise InputError(
            f"vocabulary {settings.vocabulary}: too small for all characters of the texts; raise it"
        ) from error
    tokenizer = _in_fixed_order(tokenizer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        # Pairs lose their token types unless they are listed.
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        model_max_length=settings.max_length,
        **SPECIAL,
    )


def untrained() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Split(Regex(_WORD), "isolated"),
            pre_tokenizers.Metaspace(),
        ]
    )
    return tokenizer


def _in_fixed_order(tokenizer: Tokenizer) -> Tokenizer:
    """The same tokenizer whenever it is trained on the same texts, to the last byte.

    The trainer walks hash maps: sums differ in their last digits, pieces of equal score change
    places, and characters too rare for a probability of their own get the lowest one plus 0.0001
    for each before it, in no order. Here they all get the lowest, and equal pieces go by name.
    """
    settings = json.loads(tokenizer.to_str())
    pieces = settings["model"]["vocab"]
    special, learned = pieces[: len(SPECIAL)], pieces[len(SPECIAL) :]
    lowest = min(score for _, score in learned)
    rare = lowest + 0.0001 * sum(len(piece) == 1 for piece, _ in learned)
    fixed = [
        (piece, round(lowest if len(piece) == 1 and score < rare else score, 6))
        for piece, score in learned
    ]
    settings["model"]["vocab"] = special + sorted(fixed, key=lambda item: (-item[1], item[0]))
    return Tokenizer.from_str(json.dumps(settings))


def piece_probabilities(tokenizer: PreTrainedTokenizerBase) -> np.ndarray:
    """Logarithm of the probability that a Unigram tokenizer gives each of its pieces."""
    pieces = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["vocab"]
    return np.array([min(log_probability, 0.0) for _, log_probability in pieces])
