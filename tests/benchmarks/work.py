"""What is measured, each in a process of its own: ``python -m tests.benchmarks.work NAME ARG ...``

Prints the seconds of the work alone, start-up left out, and how much work it was.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from clir import experiment, manifest
from clir.lexicons.entries import entry_table, ranked
from clir.lexicons.sql_dump import Account, read_dump
from clir.switching import switcher as switching
from spark_etl import session, titles
from spark_etl.titles import PAGE

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_PROBABILITY = 0.5
_BATCH, _MAX_LENGTH = 128, 128  # texts of a batch that are tokenized; tokens of a text
_PAIRS, _WARM = 32, 2  # pairs of a step of training; steps before the clock is looked at


def dump_reader(path: str) -> int:
    next(read_dump(path, "page", PAGE, Account()))
    _start_clock()  # the compiled loops are loaded
    return sum(batch.num_rows for batch in read_dump(path, "page", PAGE, Account()))


def mwsql_reader(path: str) -> int:
    from mwsql import Dump

    dump = Dump.from_file(path)
    wanted = [dump.col_names.index(name) for name in PAGE.names]
    return sum(1 for row in dump.rows() if [row[i] for i in wanted])


def mine_titles(small: str, config: str, cores: str) -> int:
    """The titles of an experiment; of a small one first, which starts and warms the engine."""
    chosen = [f"spark.master=local[{cores}]"]
    with session.spark_session(experiment.load(Path(small), chosen).spark) as spark:
        for path in (small, config):
            settings = experiment.load(Path(path), chosen)
            manifest.remove(settings.workspace, settings.output / "titles")
            _start_clock()
            folder = titles.mine(spark, settings)
    return int(manifest.read(folder)["counts"]["titles"])


def re_mining(page: str, langlinks: str, *langs: str) -> int:
    """Titles by one plain loop per language over both dumps, as scripts do it."""
    rows = re.compile(r"\((\d+),0,'((?:[^'\\]|\\.)*)',0,")
    found = 0
    for lang in langs:
        links = re.compile(rf"\((\d+),'{lang}','((?:[^'\\]|\\.)*)'\)")
        with gzip.open(page, "rt", encoding="utf-8") as file:
            titles = {m[1]: m[2] for line in file for m in rows.finditer(line)}
        with gzip.open(langlinks, "rt", encoding="utf-8") as file:
            found += sum(m[1] in titles for line in file for m in links.finditer(line))
    return found


def switch_kernel(passages: str, dictionary: str) -> int:
    """Words switched in memory (ML-CS), without reading and writing."""
    switcher, file = _switcher(dictionary), pq.ParquetFile(passages)
    _switch(switcher, next(file.iter_batches(1)))
    words, spent = 0, 0.0
    for batch in file.iter_batches(10_000):
        _start_clock()
        words += int(_switch(switcher, batch).words.sum())
        spent += time.perf_counter() - _clock
    _start_clock(spent)
    return words


def switch_by_token(passages: str, dictionary: str) -> int:
    """The origin's way: NLTK's tokenizer, a loop over tokens, and its detokenizer."""
    from nltk.tokenize.treebank import TreebankWordDetokenizer, TreebankWordTokenizer

    entries = json.loads(Path(dictionary).read_text())
    langs = sorted({lang for lang, _, _ in entries})
    table: dict[str, dict[str, str]] = {}
    for lang, source, target in entries:
        table.setdefault(source, {})[lang] = target
    texts = pq.read_table(passages)["text"].to_pylist()
    tokenizer, detokenizer = TreebankWordTokenizer(), TreebankWordDetokenizer()
    draw, done = random.Random(1), 0
    _start_clock()
    for text in texts:
        tokens = tokenizer.tokenize(text)
        for i, token in enumerate(tokens):
            if (known := table.get(token.lower())) and draw.random() < _PROBABILITY:
                tokens[i] = known[draw.choice(langs)]
        detokenizer.detokenize(tokens)
        done += len(tokens)
    return done


def switch_parquet(passages: str, dictionary: str, out: str) -> int:
    switcher = _switcher(dictionary)

    def switched(batch: pa.RecordBatch) -> pa.RecordBatch:
        return batch.set_column(1, "text", _switch(switcher, batch).texts)

    _switch(switcher, next(pq.ParquetFile(passages).iter_batches(1)))
    _start_clock()
    return _rewrite(passages, out, switched)


def copy_parquet(passages: str, out: str) -> int:
    return _rewrite(passages, out, lambda batch: batch)


def tokenize_by_words(texts: str, tokenizer: str) -> int:
    """Batches of texts as training and ranking tokenize them."""
    from ray_app.models.encoding import Encoder

    encode = Encoder(_tokenizer(tokenizer), _MAX_LENGTH)
    return _tokenized(texts, lambda batch: int(encode(batch)["attention_mask"].sum()))


def tokenize_whole(texts: str, tokenizer: str) -> int:
    """The same tokens by the tokenizer alone, which remembers no words; without padding."""
    backend = _tokenizer(tokenizer).backend_tokenizer
    backend.enable_truncation(_MAX_LENGTH)
    return _tokenized(
        texts, lambda batch: sum(len(e.ids) for e in backend.encode_batch_fast(batch.to_pylist()))
    )


def embed(texts: str, model: str, precision: str) -> int:
    """Vectors of texts as ranking makes them."""
    import torch

    from ray_app.models.ranker import Ranker

    torch.set_num_threads(1)
    ranker, column = Ranker("bi-encoder", Path(model), _MAX_LENGTH, 256, precision), _texts(texts)
    ranker.embed(column[:16])
    _start_clock()
    return len(ranker.embed(column))


def embed_by_sentence_transformers(texts: str, model: str) -> int:
    """The same by ``SentenceTransformer.encode``, as it is called."""
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    encoder, column = SentenceTransformer(model, device="cpu"), _texts(texts).to_pylist()
    encoder.encode(column[:16])
    _start_clock()
    return len(encoder.encode(column))


def score(texts: str, model: str, precision: str) -> int:
    """Scores of pairs of texts as ranking makes them."""
    import torch

    from ray_app.models.ranker import Ranker

    torch.set_num_threads(1)
    ranker, column = Ranker("cross-encoder", Path(model), 256, 256, precision), _texts(texts)
    ranker.score(column[:16], column[:16])
    _start_clock()
    return len(ranker.score(column, column[::-1]))


def score_by_sentence_transformers(texts: str, model: str) -> int:
    """The same by ``CrossEncoder.predict``, as it is called."""
    import torch
    from sentence_transformers import CrossEncoder

    torch.set_num_threads(1)
    encoder, column = CrossEncoder(model, device="cpu", max_length=256), _texts(texts).to_pylist()
    pairs = list(zip(column, column[::-1], strict=True))
    encoder.predict(pairs[:16])
    _start_clock()
    return len(encoder.predict(pairs))


def train(pairs: str, model: str, family: str, precision: str, steps: str) -> int:
    """Steps of training as a run in one process takes them; the first two are start-up."""
    import torch

    from clir.experiment import FilledModel, Training
    from clir.switching.plans import Plan
    from clir.workspace import Workspace
    from ray_app.models.base_models import Base
    from ray_app.models.encoding import Encoder
    from ray_app.training.batching import PairStream, made_ahead, tokenized
    from ray_app.training.engines import Torch
    from ray_app.training.network import Network
    from ray_app.training.runs import Run

    torch.set_num_threads(1)
    settings = FilledModel(
        family=family, base=model, max_length=_MAX_LENGTH, steps=int(steps), batch_size=_PAIRS,
        learning_rate=2e-5, warmup_steps=0, weight_decay=0.0, gradient_clip=1.0, accumulate=1,
    )  # fmt: skip
    run = Run(
        name="m", method="zero-shot", seed=1, without_domain=None, pairs=Path(pairs), switch=None,
        plan=Plan("zero-shot", (), (), 0.0, (), False, 1), tokenizer=None, model=settings,
        goes_on_from=None, base=Base(Path(model)), training=Training(precision=precision),
        folder=Path(pairs), workspace=Workspace(Path(pairs)), origin={},
    )  # fmt: skip
    network = Network(run)
    engine, encode = Torch(run, network, torch.device("cpu")), Encoder(network.tokenizer, 128)
    stream = PairStream(run.pairs, settings.learns_by.against == "batch")
    shares = stream.batches(0, settings.steps, _PAIRS, 0, 1, seed=0)
    done = 0
    ready = made_ahead(shares, lambda share: tokenized(share, network.family, encode, settings))
    for number, batch in enumerate(ready):
        if number == _WARM:
            _start_clock()
            done = 0
        engine.learn(batch)
        done += len(batch.labels)
    return done


def train_by_sentence_transformers(pairs: str, model: str, family: str, steps: str) -> int:
    """The same by the trainer of the family, at its defaults but for the size of a batch."""
    import torch
    from datasets import Dataset
    from sentence_transformers import (
        CrossEncoder,
        CrossEncoderTrainer,
        CrossEncoderTrainingArguments,
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss
    from sentence_transformers.losses import MultipleNegativesRankingLoss
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        def on_step_end(self, arguments, state, control, **_):
            if state.global_step == _WARM:
                _start_clock()

    torch.set_num_threads(1)
    rows = pq.read_table(pairs)
    both = {"query": rows["query"].to_pylist(), "passage": rows["passage"].to_pylist()}
    if family == "bi-encoder":
        right = [at for at, label in enumerate(rows["label"].to_pylist()) if label]
        both = {side: [texts[at] for at in right] for side, texts in both.items()}
        encoder = SentenceTransformer(model, device="cpu")
        encoder.max_seq_length = _MAX_LENGTH
        loss, trainer = MultipleNegativesRankingLoss(encoder), SentenceTransformerTrainer
        kind = SentenceTransformerTrainingArguments
    else:
        both |= {"label": [float(label) for label in rows["label"].to_pylist()]}
        encoder = CrossEncoder(model, device="cpu", max_length=_MAX_LENGTH, num_labels=1)
        loss, trainer = BinaryCrossEntropyLoss(encoder), CrossEncoderTrainer
        kind = CrossEncoderTrainingArguments
    with tempfile.TemporaryDirectory() as folder:
        arguments = kind(
            folder, max_steps=int(steps), per_device_train_batch_size=_PAIRS, use_cpu=True,
            report_to="none", save_strategy="no", logging_strategy="no", disable_tqdm=True,
        )  # fmt: skip
        trainer(
            model=encoder, args=arguments, train_dataset=Dataset.from_dict(both), loss=loss,
            callbacks=[Clock()],
        ).train()  # fmt: skip
    return (int(steps) - _WARM) * _PAIRS


def _texts(path: str) -> pa.Array:
    return pq.read_table(path)["text"].combine_chunks()


def _tokenizer(folder: str) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def _tokenized(texts: str, tokens_of: Callable[[pa.Array], int]) -> int:
    batches = [batch["text"] for batch in pq.ParquetFile(texts).iter_batches(_BATCH)]
    _start_clock()
    return sum(map(tokens_of, batches))


def _rewrite(passages: str, out: str, change) -> int:
    rows = 0
    file = pq.ParquetFile(passages)
    with pq.ParquetWriter(out, file.schema_arrow, compression="zstd") as writer:
        for batch in file.iter_batches(10_000):
            writer.write_batch(change(batch))
            rows += batch.num_rows
    return rows


def _switcher(dictionary: str) -> switching.Switcher:
    entries = json.loads(Path(dictionary).read_text())
    langs = sorted({lang for lang, _, _ in entries})
    lang, source, target = zip(*entries, strict=True)
    return switching.Switcher(ranked(entry_table("en", lang, source, target)), langs)


def _switch(switcher: switching.Switcher, batch: pa.RecordBatch) -> switching.Switched:
    return switcher.switch(batch["text"], batch["id"], "passage", _PROBABILITY, seed=1)


_clock = 0.0


def _start_clock(spent: float = 0.0) -> None:
    """Begin the measured part, ``spent`` seconds ago; what was before it is start-up."""
    global _clock
    _clock = time.perf_counter() - spent


def main() -> None:
    _start_clock()
    amount = globals()[sys.argv[1]](*sys.argv[2:])
    print(json.dumps({"seconds": time.perf_counter() - _clock, "amount": amount}))


if __name__ == "__main__":
    main()
