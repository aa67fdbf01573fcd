"""The folders of sentence-transformers: which modules a model has beside its transformer."""

import json
from pathlib import Path
from typing import Literal

from clir.errors import InputError
from clir.experiment import Model

Pooling = Literal["mean", "cls"]
_THEIRS = "sentence_transformers.models"
_MODES: dict[Pooling, str] = {"mean": "pooling_mode_mean_tokens", "cls": "pooling_mode_cls_token"}


def write_modules(folder: Path, *modules: str) -> None:
    """modules.json: the modules by their names, the first one in the folder itself."""
    rows = []
    for at, name in enumerate(modules):
        path = f"{at}_{name}" if at else ""
        rows.append({"idx": at, "name": str(at), "path": path, "type": f"{_THEIRS}.{name}"})
        if at:
            (folder / path).mkdir()
            _write(folder / path / "config.json", {})
    _write(folder / "modules.json", rows)


def write_bi_encoder(folder: Path, settings: Model, pooling: Pooling, hidden_size: int) -> None:
    """What ``SentenceTransformer(folder)`` reads beside the transformer."""
    write_modules(folder, "Transformer", "Pooling", "Normalize")
    mode = {key: name == pooling for name, key in _MODES.items()}
    size = {"word_embedding_dimension": hidden_size}
    _write(folder / "1_Pooling" / "config.json", {**size, **mode, "include_prompt": True})
    lengths = {"max_seq_length": settings.max_length, "do_lower_case": False}
    _write(folder / "sentence_bert_config.json", lengths)
    prompts = {"query": settings.query_prefix, "document": settings.passage_prefix}
    told = {"prompts": prompts, "similarity_fn_name": "cosine"}
    _write(folder / "config_sentence_transformers.json", told)


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
