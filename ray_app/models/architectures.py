"""Whether a base model's architecture and tokenizer fit what is asked of it.

Models are made without memory for their weights (torch's device ``meta``), so this takes moments
whatever their size.
"""

from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedTokenizerBase,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
)

from clir.errors import InputError, in_a_line

_ADVICE = "give an encoder such as BERT, XLM-R or mMiniLM"


def check(
    folder: Path,
    values: dict[str, Any],
    shapes: dict[str, list[int]],
    max_length: int,
    classifier: bool,
) -> None:
    """InputError for what training would stumble over. ``shapes``: those of the saved weights.

    ``classifier``: whether a score of a pair is asked for, else vectors of a text's tokens.
    """
    said = transformers.utils.logging.get_verbosity()
    transformers.utils.logging.set_verbosity_error()
    try:
        config, tokenizer = _config(folder, values), _tokenizer(folder)
        _check_kind(classifier, folder, config)
        _check_tokenizer(classifier, max_length, folder, tokenizer)
        model = _without_weights(classifier, folder, config)
        _check_shapes(classifier, folder, model, shapes)
        _check_vocabulary(folder, model, tokenizer)
        _check_positions(max_length, folder, config, model, tokenizer)
    finally:
        transformers.utils.logging.set_verbosity(said)


def _config(folder: Path, values: dict[str, Any]) -> PreTrainedConfig:
    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # whatever a strange file makes transformers stumble over
        kind = values.get("model_type", "none")
        raise InputError(
            f"{folder / 'config.json'}: transformers cannot read it (model_type {kind}): "
            f"{in_a_line(error)}"
        ) from error


def _tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # likewise
        raise InputError(
            f"{folder}: its tokenizer cannot be loaded ({in_a_line(error)}); save it again "
            "(tokenizer.save_pretrained)"
        ) from error
    if not tokenizer.is_fast:
        raise InputError(f"{folder}: its tokenizer has no fast version (tokenizer.json); {_ADVICE}")
    return tokenizer


def _check_kind(classifier: bool, folder: Path, config: PreTrainedConfig) -> None:
    name = config.model_type
    if config.is_encoder_decoder:
        raise InputError(f"{folder}: {name} is an encoder-decoder; {_ADVICE}")
    if classifier:
        if name not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES:
            raise InputError(f"{folder}: transformers has no classifier of {name}; {_ADVICE}")
        return
    # What guesses hidden words sees a text from both sides, and so does XLNet. What was trained
    # to go on with a text sees of each word only those before it.
    both_sides = (
        name in MODEL_FOR_MASKED_LM_MAPPING_NAMES and not getattr(config, "is_decoder", False)
    ) or getattr(config, "use_bidirectional_attention", False)
    if not (both_sides or name == "xlnet"):
        raise InputError(
            f"{folder}: {name} is a decoder or no model of texts, which a bi-encoder cannot be; "
            f"{_ADVICE}"
        )
    if getattr(config, "num_hidden_layers", None) == 0 and name != "xlnet":
        raise InputError(f"{folder}: {name} without layers; {_ADVICE}")


def _check_tokenizer(
    pair: bool, max_length: int, folder: Path, tokenizer: PreTrainedTokenizerBase
) -> None:
    if tokenizer.pad_token_id is None:
        raise InputError(
            f"{folder}: its tokenizer has no pad token, so texts of several lengths make no batch; "
            "set one (tokenizer.pad_token = tokenizer.eos_token) and save the tokenizer there"
        )
    marks = tokenizer.num_special_tokens_to_add(pair)
    if max_length < marks + 1 + pair:
        raise InputError(
            f"max_length {max_length} holds no {'pair of texts' if pair else 'text'}: {marks} are "
            f"marks of the tokenizer in {folder}"
        )


def _without_weights(classifier: bool, folder: Path, config: PreTrainedConfig) -> Any:
    auto = AutoModelForSequenceClassification if classifier else AutoModel
    try:
        if classifier:
            config.num_labels = 1
        with torch.device("meta"):
            return auto.from_config(config, trust_remote_code=False)
    except Exception as error:  # as above
        raise InputError(
            f"{folder}: transformers cannot make this {config.model_type}: {in_a_line(error)}"
        ) from error


def _check_shapes(classifier: bool, folder: Path, model: Any, saved: dict[str, list[int]]) -> None:
    """The tensors that both have by the same name, with or without the prefix of heads."""
    prefix = f"{model.base_model_prefix}."
    found = 0
    for name, wanted in ((name, list(t.shape)) for name, t in model.state_dict().items()):
        has = next(
            (saved[n] for n in (name, prefix + name, name.removeprefix(prefix)) if n in saved), None
        )
        found += has is not None
        if has is None or has == wanted:
            continue
        if classifier and not name.startswith(prefix):
            raise InputError(
                f"{folder}: its classifier has {has[0]} labels, a cross-encoder one score; give "
                f"the model that it was made from, or one without {name} and its like"
            )
        raise InputError(
            f"{folder}: {name} is {_size(has)} in its weights, {_size(wanted)} by its config.json; "
            "one of them is another model's"
        )
    if not found:
        raise InputError(
            f"{folder}: its weights have none of the names of a {model.config.model_type} (such as "
            f"{next(iter(saved), 'nothing')}); is config.json another model's?"
        )


def _size(shape: list[int]) -> str:
    return " x ".join(map(str, shape))


def _check_vocabulary(folder: Path, model: Any, tokenizer: PreTrainedTokenizerBase) -> None:
    rows = model.get_input_embeddings().num_embeddings
    highest = max(tokenizer.get_vocab().values(), default=0)
    if highest >= rows:
        raise InputError(
            f"{folder}: its tokenizer has tokens up to number {highest}, the model vectors of only "
            f"{rows}; save the tokenizer that belongs to it, or resize its embeddings "
            "(resize_token_embeddings)"
        )


def _check_positions(
    max_length: int,
    folder: Path,
    config: PreTrainedConfig,
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    positions = getattr(config, "max_position_embeddings", None)
    if not positions or positions < 0 or getattr(config, "position_biased_input", True) is False:
        return  # they are relative
    tables = [m for name, m in model.named_modules() if name.endswith("position_embeddings")]
    paddings = [m.padding_idx for m in tables if getattr(m, "padding_idx", None) is not None]
    padding = paddings[0] if paddings else None
    if padding is not None:
        # RoBERTa and its kin number positions from the padding's on, so those before are lost.
        positions -= padding + 1
        if padding != tokenizer.pad_token_id:
            raise InputError(
                f"{folder}: its tokenizer pads with {tokenizer.pad_token_id}, its config.json says "
                f"{padding} (pad_token_id), from which positions are counted; make them alike"
            )
    if max_length > positions:
        raise InputError(
            f"max_length {max_length} is more than the {positions} positions of {folder}; "
            f"set it to {positions} at most"
        )
