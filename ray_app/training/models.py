"""The two rankers, both Hugging Face models: a bi-encoder and a cross-encoder.

A saved model is a folder with safetensors, config and tokenizer that transformers loads alone: a
bi-encoder by ``AutoModel`` (a text's vector is the mean of its tokens', scaled to length 1), a
cross-encoder by ``AutoModelForSequenceClassification`` (its one logit is the score).

From scratch, the bi-encoder is an XLNet (the architecture whose tokens enter without layer norm and
without absolute positions). With 0 layers it is a bag of words: a token's direction is its meaning
and its length its weight, both learned. The cross-encoder is a small BERT.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
import torch.nn.functional as F
import transformers
from torch import nn
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BatchEncoding,
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerBase,
    XLNetConfig,
    XLNetModel,
)

from clir.errors import InputError, in_a_line
from clir.experiment import Model
from ray_app.training.base_models import refuse_pickles
from ray_app.training.tokenization import SPECIAL, Encoder, piece_probabilities

_SMOOTH = 0.001  # Arora et al.'s a

transformers.utils.logging.disable_progress_bar()  # these models load in a moment


def create(kind: str, settings: Model, tokenizer_folder: Path, seed: int) -> nn.Module:
    """A model from scratch, drawn from ``seed``."""
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


def load(kind: str, folder: Path) -> tuple[nn.Module, PreTrainedTokenizerBase]:
    """Model and tokenizer of a folder. Safetensors only, no remote code."""
    refuse_pickles(folder)
    auto = AutoModel if kind == "bi-encoder" else AutoModelForSequenceClassification
    # A cross-encoder has one logit; a base model that has none yet gets a new one.
    options = {} if kind == "bi-encoder" else {"num_labels": 1}
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = auto.from_pretrained(
            folder, use_safetensors=True, trust_remote_code=False, dtype=torch.float32, **options
        )
    except (OSError, ValueError) as error:
        raise InputError(
            f"model {folder}: cannot be loaded from safetensors: {in_a_line(error)}"
        ) from error
    # Classifiers that are decoders look for the last token that is no padding.
    model.config.pad_token_id = tokenizer.pad_token_id
    return model, tokenizer


def is_bag_of_words(model: nn.Module) -> bool:
    """Whether the model has no layers: its tokens' vectors are rows of one matrix."""
    return getattr(model.config, "num_hidden_layers", None) == 0


def text_vectors(
    model: nn.Module, *groups: BatchEncoding, token_weight: torch.Tensor | None = None
) -> list[torch.Tensor]:
    """Vectors of length 1, one per text: the mean of the tokens' vectors. texts x hidden size

    One tensor for each group of texts. ``token_weight``: logarithm of each token's weight, for a
    bag of words in training. Apart from the vectors it learns faster; the saved model has it
    multiplied in (``fold_token_weight``).
    """
    if is_bag_of_words(model):
        return _sums(model.get_input_embeddings().weight, groups, token_weight)
    return [_mean_states(model, texts) for texts in groups]


def _sums(
    table: torch.Tensor, groups: Sequence[BatchEncoding], token_weight: torch.Tensor | None
) -> list[torch.Tensor]:
    # All groups in one go: every call's gradient is as large as the whole table.
    masks = [texts["attention_mask"] for texts in groups]
    ids = torch.cat(
        [texts["input_ids"][mask.bool()] for texts, mask in zip(groups, masks, strict=True)]
    )
    counts = torch.cat([mask.sum(1) for mask in masks])
    weights = None if token_weight is None else token_weight[ids].exp()
    starts = torch.cumsum(counts, 0) - counts
    sums = F.embedding_bag(ids, table, starts, mode="sum", per_sample_weights=weights)
    return list(F.normalize(sums, dim=-1).split([len(mask) for mask in masks]))


def _mean_states(model: nn.Module, texts: BatchEncoding) -> torch.Tensor:
    mask = texts["attention_mask"]
    states = model(input_ids=texts["input_ids"], attention_mask=mask).last_hidden_state
    return F.normalize((states * mask[:, :, None]).sum(1), dim=-1)


def initial_token_weight(tokenizer: PreTrainedTokenizerBase) -> torch.Tensor:
    """Logarithm of each token's weight before training: log(a / (a + p)), a = 0.001.

    Smooth inverse frequency (Arora et al., ICLR 2017), with the probability p that a Unigram
    tokenizer gives its pieces: frequent words of every language start light, also of those that
    training never shows.
    """
    weight = -np.log1p(np.exp(piece_probabilities(tokenizer)) / _SMOOTH)
    weight[: len(SPECIAL)] = 0.0
    return torch.tensor(weight, dtype=torch.float32)


def fold_token_weight(state: dict[str, torch.Tensor], token_weight: torch.Tensor) -> None:
    """Multiply learned weights into the token vectors of a bag of words' state."""
    (name,) = (key for key in state if key.endswith("word_embedding.weight"))
    state[name] = state[name] * token_weight.detach().exp()[:, None]


class Ranker:
    """A saved model ready to score."""

    def __init__(self, kind: str, folder: Path, max_length: int, batch_size: int):
        self.model, self.tokenizer = load(kind, folder)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model.to(self.device).eval()
        self.encode, self.batch_size = Encoder(self.tokenizer, max_length), batch_size

    @torch.inference_mode()
    def embed(self, texts: pa.Array) -> np.ndarray:
        """Vectors of length 1: texts x hidden size, float32."""
        return self._in_batches([texts], lambda tokens: text_vectors(self.model, tokens)[0])

    @torch.inference_mode()
    def score(self, queries: pa.Array, passages: pa.Array) -> np.ndarray:
        """The logit of each (query, passage)."""
        return self._in_batches(
            [queries, passages], lambda tokens: self.model(**tokens).logits[:, 0]
        )

    def _in_batches(
        self, sides: list[pa.Array], run: Callable[[BatchEncoding], torch.Tensor]
    ) -> np.ndarray:
        # Texts of like length together waste little on padding; results go back in order.
        order = np.argsort(-sum(np.asarray(pc.utf8_length(side)) for side in sides), kind="stable")
        results: list[np.ndarray] = []
        for at in range(0, len(order), self.batch_size):
            rows = pa.array(order[at : at + self.batch_size])
            tokens = self.encode(*(side.take(rows) for side in sides)).to(self.device)
            results.append(run(tokens).float().cpu().numpy())
        joined = np.concatenate(results)
        restored = np.empty_like(joined)
        restored[order] = joined
        return restored
