"""Training pairs of one method from English ones: look-up tables, and batches of pairs switched."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clir import manifest, stages, tables
from clir.experiment import Experiment
from clir.lexicons import entries
from clir.switching.plans import Plan, plan
from clir.switching.switcher import MAX_TITLE_WORDS, Switched, Switcher, opened
from clir.text.hashing import mix
from clir.text.words import count_words, hash_ids


def build_switchers(experiment: Experiment, method: str) -> Path:
    """Lay out what a method looks words up in, once for all workers of both engines; its folder.

    InputError for a language without entries.
    """
    stage, chosen = stages.switchers(experiment, method), plan(experiment, method)

    def write(out: Path) -> dict[str, int]:
        wanted = pc.field("target_lang").isin([*chosen.query_languages, *chosen.passage_languages])
        data = tables.dataset(experiment.workspace.lexicon / "data")
        table = data.to_table(filter=wanted).combine_chunks()
        chained = entries.chain(
            table.filter(pc.equal(table["origin"], origin)) for origin in chosen.origins
        )
        for languages in {languages for _, languages in chosen.sides if languages}:
            switcher = Switcher(
                chained,
                languages,
                max_words=MAX_TITLE_WORDS if chosen.phrases else 1,
                translations=chosen.translations,
                keep_stop_words=chosen.phrases,
            )
            switcher.save(out / "-".join(languages))
        return {"entries": chained.num_rows}

    manifest.build(experiment.workspace, *stage, write)
    return stage.folder


def switch_side(
    side: str, texts: pa.Array, ids: pa.Array, chosen: Plan, switchers: str, seed: int
) -> Switched | None:
    """One side's texts switched by the saved switchers; None where the method leaves it alone.

    ``ids`` name the pairs; the same id and seed give the same text, whoever asks and when.
    """
    languages = dict(chosen.sides)[side]
    if not languages:
        return None
    switcher = opened(Path(switchers) / "-".join(languages))
    done = switcher.switch(texts, ids, side, chosen.probability, seed, per_text=chosen.phrases)
    if chosen.english_share:
        english = mix(hash_ids(ids) ^ mix(np.uint64(seed))) < chosen.english_share * 2.0**64
        kept = pc.if_else(pa.array(english), texts, done.texts)
        switched = ~english[:, None]
        done = Switched(kept, done.words, done.by_language * switched, done.copied * switched)
    return done


def switch_pairs(batch: pa.RecordBatch, chosen: Plan, switchers: str, seed: int) -> pa.RecordBatch:
    """A batch of ``tables.PAIRS`` as one of ``tables.SWITCHED_PAIRS``."""
    columns = {name: batch[name] for name in tables.PAIRS.names}
    for side, _ in chosen.sides:
        done = switch_side(side, batch[side], batch["pair_id"], chosen, switchers, seed)
        if done is None:
            lang = batch["query_lang" if side == "query" else "doc_lang"]
            words = count_words(batch[side], lang[0].as_py() if len(lang) else "en")
            counts = copied = np.empty((len(batch), 0), np.int32)
        else:
            columns[side], words, counts = done.texts, done.words, done.by_language
            copied = done.copied
        columns[f"{side}_words"] = words
        columns[f"{side}_switched"] = counts.sum(axis=1)
        columns[f"{side}_by_language"] = _lists(counts)
        columns[f"{side}_copied"] = _lists(copied)
    columns["method"] = pa.repeat(chosen.method, batch.num_rows)
    columns["probability"] = pa.repeat(chosen.probability, batch.num_rows)
    columns["seed"] = pa.repeat(seed, batch.num_rows)
    return pa.RecordBatch.from_arrays(
        [pa.array(columns[f.name]).cast(f.type) for f in tables.SWITCHED_PAIRS],
        schema=tables.SWITCHED_PAIRS,
    )


def _lists(counts: np.ndarray) -> pa.Array:
    """A list of counts per row."""
    offsets = np.arange(len(counts) + 1, dtype=np.int32) * counts.shape[1]
    return pa.ListArray.from_arrays(offsets, counts.ravel())
