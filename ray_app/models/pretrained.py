"""Transformers from folders and into them: safetensors only, no remote code."""

from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from clir.errors import InputError, in_a_line
from clir.experiment import Model
from ray_app.models.base_models import refuse_pickles

transformers.utils.logging.disable_progress_bar()  # these models load in a moment


def load(auto: Any, folder: Path, **options: Any) -> tuple[nn.Module, PreTrainedTokenizerBase]:
    """Model and tokenizer of a folder, by one of transformers' Auto classes."""
    refuse_pickles(folder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = auto.from_pretrained(
            folder,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32,
            attn_implementation=_attention(),
            **options,
        )
    except (OSError, ValueError) as error:
        raise InputError(
            f"model {folder}: cannot be loaded from safetensors: {in_a_line(error)}"
        ) from error
    # Classifiers that are decoders look for the last token that is no padding.
    model.config.pad_token_id = tokenizer.pad_token_id
    return model, tokenizer


def without_pooler(encoder: Any) -> Any:
    """An encoder without what BERT has for guessing which sentence is the next."""
    encoder.pooler = None
    return encoder


def freeze_but_last(model: nn.Module, layers: int) -> None:
    """Let only the last so many layers of an encoder learn, and what comes behind them."""
    first = next(layers_of(model)[-layers].parameters())
    for parameter in model.parameters():  # in the order in which a text goes through them
        if parameter is first:
            return
        parameter.requires_grad_(False)


def recompute(model: nn.Module) -> None:
    """Have each layer computed again when its gradient is asked for, instead of remembered."""
    for layer in layers_of(model):
        layer.forward = partial(checkpoint, layer.forward, use_reentrant=False)


def layers_of(model: nn.Module) -> nn.ModuleList:
    """The layers of an encoder, the first one first."""
    return max((m for m in model.modules() if isinstance(m, nn.ModuleList)), key=len)


def _attention() -> str | None:
    """How attention is computed; None: as transformers chooses.

    On a CPU, torch's fused attention is slow: with it, a step of training in bf16 took 1.5 times as
    long, and ranking 1.1 times.
    """
    return None if torch.cuda.is_available() else "eager"


def save(
    model: Any,
    state: dict[str, torch.Tensor],
    tokenizer: PreTrainedTokenizerBase,
    settings: Model,
    folder: Path,
) -> None:
    model.save_pretrained(folder, state_dict=state)
    tokenizer.save_pretrained(folder)
