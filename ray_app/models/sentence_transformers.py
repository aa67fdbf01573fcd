"""The folders of sentence-transformers: which modules a model has beside its transformer."""

import json
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from clir.errors import InputError, in_a_line
from clir.experiment import Model

Pooling = Literal["mean", "cls"]
_THEIRS = "sentence_transformers.models"
_MASK = "sentence_transformers.multi_vector_encoder.modules.multi_vector_mask.MultiVectorMask"
_OF_TOKENS = "token_embeddings"
_DENSE, _PROJECTION = "1_Dense", "linear.weight"
_MODES: dict[Pooling, str] = {"mean": "pooling_mode_mean_tokens", "cls": "pooling_mode_cls_token"}


def write_modules(folder: Path, modules: dict[str, dict[str, object]]) -> None:
    """modules.json: modules and their settings by their names, the first in the folder itself."""
    rows = []
    for at, (name, settings) in enumerate(modules.items()):
        path = f"{at}_{name}" if at else ""
        type_ = _MASK if name == "MultiVectorMask" else f"{_THEIRS}.{name}"
        rows.append({"idx": at, "name": str(at), "path": path, "type": type_})
        if at:
            (folder / path).mkdir()
            _write(folder / path / "config.json", settings)
    _write(folder / "modules.json", rows)


def write_bi_encoder(folder: Path, settings: Model, pooling: Pooling, hidden_size: int) -> None:
    """What ``SentenceTransformer(folder)`` reads beside the transformer."""
    mode: dict[str, object] = {key: name == pooling for name, key in _MODES.items()}
    pooled = mode | {"word_embedding_dimension": hidden_size, "include_prompt": True}
    write_modules(folder, {"Transformer": {}, "Pooling": pooled, "Normalize": {}})
    _write_settings(folder, settings, {"similarity_fn_name": "cosine"})


def write_late_interaction(folder: Path, settings: Model, projection: torch.Tensor | None) -> None:
    """What ``MultiVectorEncoder(folder)`` reads beside the transformer.

    ``projection``: of a token's vector, size x hidden size; or none.
    """
    of_tokens = {"module_input_name": _OF_TOKENS, "module_output_name": _OF_TOKENS}
    modules: dict[str, dict[str, object]] = {"Transformer": {}}
    if projection is not None:
        size, hidden_size = projection.shape
        modules["Dense"] = {
            "in_features": hidden_size,
            "out_features": size,
            "bias": False,
            "activation_function": "torch.nn.modules.linear.Identity",
            **of_tokens,
        }
    every: dict[str, object] = {
        "skiplist_words": [],
        "skiplist_tasks": ["document"],
        "keep_only_token_ids": None,
    }
    modules |= {"MultiVectorMask": every, "Normalize": dict(of_tokens)}
    write_modules(folder, modules)
    if projection is not None:
        save_file({_PROJECTION: projection.contiguous()}, folder / _DENSE / "model.safetensors")
    _write_settings(folder, settings, {"model_type": "MultiVectorEncoder"})


def projection_of(folder: Path) -> torch.Tensor | None:
    """What ``write_late_interaction`` wrote; None where there is no such module."""
    path = folder / _DENSE / "model.safetensors"
    if not path.exists():
        return None
    try:
        return load_file(path)[_PROJECTION].float()
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise InputError(f"{path}: no projection of tokens: {in_a_line(error)}") from error


def _write_settings(folder: Path, settings: Model, more: dict[str, object]) -> None:
    lengths = {"max_seq_length": settings.max_length, "do_lower_case": False}
    _write(folder / "sentence_bert_config.json", lengths)
    prompts = {"query": settings.query_prefix, "document": settings.passage_prefix}
    _write(folder / "config_sentence_transformers.json", {"prompts": prompts, **more})


def pooling_of(folder: Path) -> Pooling | None:
    """How a folder says that texts' vectors are made; None where it does not say."""
    path = folder / "1_Pooling" / "config.json"
    if not path.exists():
        return None
    try:
        told = json.loads(path.read_text())
        modes = {name for name, on in told.items() if name.startswith("pooling_mode_") and on}
        modes |= {told["pooling_mode"]} if "pooling_mode" in told else set()
    except (ValueError, AttributeError) as error:
        raise InputError(f"{path}: not JSON, or not an object; fetch it again") from error
    for name, mode in _MODES.items():
        if modes in ({name}, {mode}):
            return name
    raise InputError(
        f"{path}: {', '.join(sorted(map(str, modes))) or 'no pooling'} is unknown here; set the "
        "model's pooling (mean, cls)"
    )


def _write(path: Path, values: object) -> None:
    path.write_text(json.dumps(values, indent=1) + "\n")
