"""The two rankers, both Hugging Face models: a bi-encoder and a cross-encoder.

A saved model is a folder with safetensors, config and tokenizer that transformers loads alone: a
bi-encoder by ``AutoModel`` (a text's vector is the mean of its tokens', scaled to length 1), a
cross-encoder by ``AutoModelForSequenceClassification`` (its one logit is the score).

From scratch, the bi-encoder is an XLNet (the architecture whose tokens enter without layer norm and
without absolute positions). With 0 layers it is a bag of words: a token's direction is its meaning
and its length its weight, both learned. The cross-encoder is a small BERT.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import transformers
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors, trainers
from tokenizers import models as tokenizer_models
from torch import nn
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BatchEncoding,
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    XLNetConfig,
    XLNetModel,
)

from clir.errors import InputError
from clir.experiment import Model

_SMOOTH = 0.001  # Arora et al.'s a

transformers.utils.logging.disable_progress_bar()  # these models load in a moment

_SPECIAL = {"pad_token": "<pad>", "unk_token": "<unk>", "cls_token": "<s>", "sep_token": "</s>"}


def train_tokenizer(texts: Iterable[str], kind: str, settings: Model) -> PreTrainedTokenizerFast:
    """A Unigram tokenizer of ``settings.vocabulary`` pieces (letter case and width folded)."""
    tokenizer = Tokenizer(tokenizer_models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(
        texts,
        trainers.UnigramTrainer(
            vocab_size=settings.vocabulary,
            special_tokens=list(_SPECIAL.values()),
            unk_token=_SPECIAL["unk_token"],
            show_progress=False,
        ),
    )
    tokenizer = _in_fixed_order(tokenizer)
    if kind == "cross-encoder":
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A </s>",
            pair="<s> $A </s> $B:1 </s>:1",
            special_tokens=[(t, tokenizer.token_to_id(t)) for t in ("<s>", "</s>")],
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        # Pairs lose their token types unless they are listed.
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        model_max_length=settings.max_length,
        **_SPECIAL,
    )


def _in_fixed_order(tokenizer: Tokenizer) -> Tokenizer:
    """The same tokenizer whenever it is trained on the same texts, to the last byte.

    The trainer walks hash maps: sums differ in their last digits, pieces of equal score change
    places, and characters too rare for a probability of their own get the lowest one plus 0.0001
    for each before it, in no order. Here they all get the lowest, and equal pieces go by name.
    """
    settings = json.loads(tokenizer.to_str())
    pieces = settings["model"]["vocab"]
    special, learned = pieces[: len(_SPECIAL)], pieces[len(_SPECIAL) :]
    lowest = min(score for _, score in learned)
    rare = lowest + 0.0001 * sum(len(piece) == 1 for piece, _ in learned)
    fixed = [
        (piece, round(lowest if len(piece) == 1 and score < rare else score, 6))
        for piece, score in learned
    ]
    settings["model"]["vocab"] = special + sorted(fixed, key=lambda item: (-item[1], item[0]))
    return Tokenizer.from_str(json.dumps(settings))


def create(kind: str, settings: Model, tokenizer_folder: Path | None, seed: int) -> nn.Module:
    """The model to train: the base model's, or a new one drawn from ``seed``."""
    if settings.base is not None:
        return load(kind, settings.base)[0]
    assert tokenizer_folder is not None
    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    if kind == "bi-encoder":
        config = XLNetConfig(
            vocab_size=len(tokenizer),
            d_model=settings.hidden_size,
            n_layer=settings.layers,
            n_head=settings.heads,
            d_inner=4 * settings.hidden_size,
            dropout=0.0,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.cls_token_id,
            eos_token_id=tokenizer.sep_token_id,
            initializer_range=0.05,
        )
        return XLNetModel(config)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden_size,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        intermediate_size=4 * settings.hidden_size,
        max_position_embeddings=settings.max_length,
        pad_token_id=tokenizer.pad_token_id,
        num_labels=1,
    )
    return BertForSequenceClassification(config)


def load(kind: str, source: str | Path) -> tuple[nn.Module, PreTrainedTokenizerBase]:
    """Model and tokenizer of a folder or a Hugging Face id. Safetensors only, no remote code."""
    folder = Path(source)
    if folder.is_dir():
        refuse_pickles(folder)
    auto = AutoModel if kind == "bi-encoder" else AutoModelForSequenceClassification
    # A cross-encoder has one logit; a base model that has none yet gets a new one.
    options = {} if kind == "bi-encoder" else {"num_labels": 1}
    try:
        tokenizer = AutoTokenizer.from_pretrained(source)
        model = auto.from_pretrained(
            source, use_safetensors=True, trust_remote_code=False, dtype=torch.float32, **options
        )
    except (OSError, ValueError) as error:
        message = " ".join(str(error).split())[:300]
        raise InputError(f"model {source}: cannot be loaded from safetensors: {message}") from error
    return model, tokenizer


def refuse_pickles(folder: Path) -> None:
    """InputError for a model folder with pickled weights and no safetensors."""
    if any(folder.glob("*.safetensors")):
        return
    pickled = sorted(
        p.name for p in folder.iterdir() if p.suffix in (".bin", ".pt", ".pth", ".pkl")
    )
    if pickled:
        raise InputError(
            f"model {folder}: {pickled[0]} is a pickle, which can run code when read; "
            "convert it to model.safetensors"
        )
    raise InputError(f"model {folder}: no *.safetensors in it")


def is_bag_of_words(model: nn.Module) -> bool:
    """Whether the model has no layers: its tokens' vectors are rows of one matrix."""
    return getattr(model.config, "num_hidden_layers", None) == 0


def text_vectors(
    model: nn.Module, tokens: BatchEncoding, token_weight: torch.Tensor | None = None
) -> torch.Tensor:
    """Vectors of length 1, one per text: the mean of the tokens' vectors. texts x hidden size

    ``token_weight``: logarithm of each token's weight, for a bag of words in training. Apart from
    the vectors it learns faster; the saved model has it multiplied in (``fold_token_weight``).
    """
    mask = tokens["attention_mask"]
    if is_bag_of_words(model):
        ids = tokens["input_ids"][mask.bool()]
        starts = torch.cumsum(mask.sum(1), 0) - mask.sum(1)
        table = model.get_input_embeddings().weight
        weights = None if token_weight is None else token_weight[ids].exp()
        sums = F.embedding_bag(ids, table, starts, mode="sum", per_sample_weights=weights)
        return F.normalize(sums, dim=-1)
    states = model(input_ids=tokens["input_ids"], attention_mask=mask).last_hidden_state
    return F.normalize((states * mask[:, :, None]).sum(1), dim=-1)


def initial_token_weight(tokenizer: PreTrainedTokenizerBase) -> torch.Tensor:
    """Logarithm of each token's weight before training: log(a / (a + p)), a = 0.001.

    Smooth inverse frequency (Arora et al., ICLR 2017), with the probability p that a Unigram
    tokenizer gives its pieces: frequent words of every language start light, also of those that
    training never shows.
    """
    pieces = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["vocab"]
    weight = torch.zeros(len(tokenizer))
    for number, (_, log_probability) in enumerate(pieces):
        weight[number] = -np.log1p(np.exp(min(log_probability, 0.0)) / _SMOOTH)
    weight[: len(_SPECIAL)] = 0.0
    return weight


def fold_token_weight(state: dict[str, torch.Tensor], token_weight: torch.Tensor) -> None:
    """Multiply learned weights into the token vectors of a bag of words' state."""
    (name,) = (key for key in state if key.endswith("word_embedding.weight"))
    state[name] = state[name] * token_weight.detach().exp()[:, None]


def tokenize(
    tokenizer: PreTrainedTokenizerBase,
    texts: list[str],
    max_length: int,
    second: list[str] | None = None,
) -> BatchEncoding:
    """Padded tensors of texts, or of pairs of texts."""
    backend = tokenizer.backend_tokenizer  # its own call makes offsets and words, for nobody
    backend.no_padding()
    backend.enable_truncation(max_length)
    found = backend.encode_batch_fast(
        texts if second is None else list(zip(texts, second, strict=True))
    )
    lengths = np.array([len(encoding) for encoding in found])
    real = np.arange(lengths.max(initial=1)) < lengths[:, None]

    def padded(tokens: Iterable[list[int]], fill: int) -> torch.Tensor:
        # One flat copy: transformers' own padding walks every token in Python.
        filled = np.full(real.shape, fill)
        filled[real] = np.fromiter(chain.from_iterable(tokens), np.int64, lengths.sum())
        return torch.from_numpy(filled)

    fields = {
        "input_ids": padded((each.ids for each in found), tokenizer.pad_token_id),
        "attention_mask": torch.from_numpy(real.astype(np.int64)),
    }
    if "token_type_ids" in tokenizer.model_input_names:
        fields["token_type_ids"] = padded((each.type_ids for each in found), 0)
    return BatchEncoding(fields)


class Ranker:
    """A saved model ready to score."""

    def __init__(self, kind: str, folder: Path, max_length: int, batch_size: int):
        self.model, self.tokenizer = load(kind, folder)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model.to(self.device).eval()
        self.max_length, self.batch_size = max_length, batch_size

    @torch.inference_mode()
    def embed(self, texts: list[str]) -> np.ndarray:
        """Vectors of length 1: texts x hidden size, float32."""
        return self._in_batches(
            texts,
            None,
            lambda tokens: text_vectors(self.model, tokens),
        )

    @torch.inference_mode()
    def score(self, queries: list[str], passages: list[str]) -> np.ndarray:
        """The logit of each (query, passage)."""
        return self._in_batches(queries, passages, lambda tokens: self.model(**tokens).logits[:, 0])

    def _in_batches(self, texts: list[str], second: list[str] | None, run) -> np.ndarray:
        # Texts of like length together waste little on padding; results go back in order.
        length = np.array([len(t) for t in texts]) + (
            np.array([len(t) for t in second]) if second else 0
        )
        order = np.argsort(-length, kind="stable")
        results: list[np.ndarray] = []
        for at in range(0, len(order), self.batch_size):
            rows = order[at : at + self.batch_size]
            tokens = tokenize(
                self.tokenizer,
                [texts[i] for i in rows],
                self.max_length,
                [second[i] for i in rows] if second else None,
            ).to(self.device)
            results.append(run(tokens).float().cpu().numpy())
        joined = np.concatenate(results)
        restored = np.empty_like(joined)
        restored[order] = joined
        return restored
