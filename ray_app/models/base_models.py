"""Base models: where they lie, and whether they can be trained here, without loading weights.

A base is a folder, or an id at the Hugging Face hub. The hub is asked once, on the driver; workers
load the folder found there, or where they do not see it, the very revision.
"""

import json
from collections.abc import Iterator
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open

from clir import packaged_encoder, progress
from clir.errors import InputError, in_a_line
from clir.experiment import Experiment, Model, Problem, Teacher, problem
from clir.switching.methods import METHODS, trained

_ANSWER = 8  # seconds that the hub has for an answer
_PATIENCE = 20  # seconds for all of it: names may take long to be looked up
_LFS = b"version https://git-lfs.github.com/spec/"
_WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"
_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
# What transformers makes tokenizers from; without any it would make an empty one.
_TOKENIZERS = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "spm.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
)
_LAYERS = ("num_hidden_layers", "n_layers", "n_layer")  # as configurations call their number
# What is fetched: no pickles, and nothing of folders, which hold the same for other programs.
_CHOSEN: dict[str, Any] = {
    "allow_patterns": ["*.json", "*.safetensors", "*.txt", "*.model"],
    "ignore_patterns": ["*/*"],
}


class Base(NamedTuple):
    """A base model on the driver's machine, and where others get the same one."""

    folder: Path
    hub_id: str | None = None
    revision: str | None = None


def check(experiment: Experiment) -> Iterator[Problem]:
    """What is wrong with the base models of an experiment, a line for each."""
    for name, model in experiment.models.items():
        if model.base is not None:
            try:
                _check_base(model, model.base)
            except InputError as error:
                yield problem(str(error), f"models.{name}.base", f"models.{name}")
    if experiment.teacher:
        try:
            _check_teacher(experiment.teacher)
        except InputError as error:
            yield problem(str(error), "teacher.base", "teacher")


def _check_base(model: Model, base: str) -> None:
    packaged = base == packaged_encoder.NAME
    as_it_comes = [m for m in trained(model.methods) if METHODS[m].learns_from is None]
    if model.kind.together and as_it_comes and (packaged or not _has_head(find(base).folder)):
        raise InputError(
            f"{base}: it has no head that scores pairs of texts, so that {as_it_comes[0]} cannot "
            "rank; give a cross-encoder, or leave this method away"
        )
    if packaged:
        _check_package(model)
    else:
        look_at(model, find(base).folder)
    if model.train_layers:
        layers = packaged_encoder.LAYERS if packaged else _layers(find(base).folder)
        if model.train_layers > layers:
            raise InputError(f"{base}: train_layers {model.train_layers}, but it has only {layers}")


def _layers(folder: Path) -> int:
    config = _config(folder)
    return next((config[key] for key in _LAYERS if isinstance(config.get(key), int)), 0)


def _has_head(folder: Path) -> bool:
    return "SequenceClassification" in str(_config(folder).get("architectures"))


def _check_teacher(teacher: Teacher) -> None:
    folder = find(teacher.base).folder
    if not _has_head(folder):
        raise InputError(
            f"{folder}: it has no head that scores pairs of texts; give a cross-encoder"
        )
    check_transformer(folder, teacher.max_length, classifier=True)


def _check_package(settings: Model) -> None:
    packaged_encoder.file()
    if settings.max_length > packaged_encoder.POSITIONS:
        raise InputError(
            f"max_length {settings.max_length} is more than the {packaged_encoder.POSITIONS} "
            f"positions of {packaged_encoder.NAME}"
        )


@cache
def find(base: str) -> Base:
    """The folder of a base; the hub is asked once. InputError where there is none."""
    folder = Path(base)
    if folder.is_dir():
        return Base(folder.absolute())
    if folder.exists() or folder.is_absolute() or base.startswith(".") or base.count("/") > 1:
        raise InputError(f"{base}: no such folder, and no id at the hub such as ORGANISATION/NAME")
    return _at_hub(base)


def _at_hub(name: str) -> Base:
    try:
        folder = _fetched(name)
    except Exception as error:  # of the network, of the hub, of our patience
        kept = _in_cache(name)
        if kept is None:
            raise InputError(
                f"{name}: no such folder here; nor does the hub give it ({in_a_line(error)}), nor "
                "does its cache hold it: give a folder, or the id of a model that can be reached"
            ) from error
        progress.say(f"{name}: the hub gives no answer; the copy in its cache is used")
        folder = kept
    return Base(folder, name, folder.name)


def _fetched(name: str, revision: str | None = None) -> Path:
    """The folder of a revision, the newest if none is named, fetched where it is not there yet."""
    from huggingface_hub import HfApi, hf_hub_download, logging, snapshot_download

    logging.set_verbosity_error()  # not a line for each try

    def first_answers() -> str | None:
        found = HfApi().model_info(name, revision=revision, timeout=_ANSWER).sha
        hf_hub_download(name, "config.json", revision=found, etag_timeout=_ANSWER)
        return found

    # A hub that does not answer, or gives no files, is given up here; the rest would try for
    # minutes.
    found = _in_time(first_answers)
    return Path(snapshot_download(name, revision=found, **_CHOSEN))


def _in_cache(name: str, revision: str | None = None) -> Path | None:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, revision=revision, local_files_only=True, **_CHOSEN))
    except (OSError, ValueError):  # it is not there, or not whole
        return None


def _in_time(ask: Any) -> Any:
    """What ``ask`` answers, if it does within our patience; its thread ends with the process."""
    answer: Future[Any] = Future()

    def run() -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:  # raised again where the answer is asked for
            answer.set_exception(error)

    Thread(target=run, daemon=True).start()
    return answer.result(_PATIENCE)


def folder_on(base: Base) -> Path:
    """The base's folder on this machine, a worker's."""
    if base.folder.is_dir():
        return base.folder
    if base.hub_id is None:
        raise InputError(f"{base.folder}: a worker does not see this base model; all must")
    kept = _in_cache(base.hub_id, base.revision)
    if kept is not None:
        return kept
    try:
        return _fetched(base.hub_id, base.revision)
    except Exception as error:
        raise InputError(
            f"{base.hub_id}: a worker sees neither {base.folder} nor the hub "
            f"({in_a_line(error)}); put it into a folder that all see"
        ) from error


def look_at(settings: Model, folder: Path) -> None:
    """InputError for a model that cannot be trained here, or not at these settings."""
    from ray_app.models.families import FAMILIES  # torch takes seconds to load

    FAMILIES[settings.family].check(settings, folder)


def check_transformer(folder: Path, max_length: int, classifier: bool) -> None:
    """InputError for a transformer that cannot be trained here, or not at this length."""
    shapes, config = tensor_shapes(folder), _config(folder)
    check_files(folder)
    from ray_app.models.architectures import check  # transformers takes seconds to load

    check(folder, config, shapes, max_length, classifier)


def _config(folder: Path) -> dict[str, Any]:
    config = _json(folder / "config.json")
    for name in ("config.json", "tokenizer_config.json"):
        if (folder / name).exists() and "auto_map" in _json(folder / name):
            raise InputError(
                f"{folder / name}: it asks to run code of its own (auto_map), which is refused; "
                "give a model whose architecture transformers has"
            )
    return config


def _json(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; is it a saved model?") from None
    _no_pointer(path, data)
    try:
        values = json.loads(data)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise InputError(f"{path}: not JSON, or not an object; fetch it again")
    return values


def _no_pointer(path: Path, start: bytes) -> None:
    if start.startswith(_LFS):
        raise InputError(
            f"{path}: a pointer of git-lfs, not the file itself; run `git lfs pull` in its folder"
        )


def tensor_shapes(folder: Path) -> dict[str, list[int]]:
    """The shape of each tensor, from the headers of the files that transformers would load."""
    if (folder / _WEIGHTS).exists():
        files = [folder / _WEIGHTS]
    elif (folder / _INDEX).exists():
        names = _json(folder / _INDEX).get("weight_map")
        if not isinstance(names, dict) or not names:
            raise InputError(f"{folder / _INDEX}: it has no weight_map; fetch it again")
        files = [folder / str(name) for name in sorted(set(names.values()))]
    elif (folder / "adapter_config.json").exists():
        raise InputError(
            f"{folder}: only an adapter (LoRA); merge it into its model (merge_and_unload), save "
            "that and give its folder"
        )
    else:
        refuse_pickles(folder)
        raise InputError(f"{folder}: neither {_WEIGHTS} nor {_INDEX} in it")
    shapes = dict(item for file in files for item in _header(file).items())
    if len(files) > 1 or not (folder / _WEIGHTS).exists():
        missing = sorted(set(names or {}) - set(shapes))
        if missing:
            raise InputError(f"{folder}: no file holds {missing[0]}, which {_INDEX} lists")
    return shapes


def refuse_pickles(folder: Path) -> None:
    """InputError for a model folder with pickled weights and no safetensors."""
    if any(folder.glob("*.safetensors")):
        return
    pickled = sorted(p.name for p in folder.iterdir() if p.suffix in _PICKLES)
    if pickled:
        raise InputError(
            f"model {folder}: {pickled[0]} is a pickle, which can run code when read; "
            "convert it to model.safetensors"
        )
    raise InputError(f"model {folder}: no *.safetensors in it")


def _header(path: Path) -> dict[str, list[int]]:
    """The shapes in a safetensors file; InputError where it is not as long as its header says."""
    if not path.is_file():
        raise InputError(f"{path}: no such file, though {_INDEX} names it; fetch it again")
    with path.open("rb") as file:
        _no_pointer(path, file.read(len(_LFS)))
    try:
        with safe_open(path, framework="numpy") as tensors:
            return {name: tensors.get_slice(name).get_shape() for name in tensors.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: cut or damaged ({in_a_line(error)}); fetch it again") from None


def check_files(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        if path.suffix in (".json", ".txt", ".model") and path.is_file():
            with path.open("rb") as file:
                _no_pointer(path, file.read(len(_LFS)))
    if not any((folder / name).exists() for name in _TOKENIZERS):
        raise InputError(
            f"{folder}: no tokenizer in it (such as tokenizer.json); save it there "
            "(tokenizer.save_pretrained)"
        )
