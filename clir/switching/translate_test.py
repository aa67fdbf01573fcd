"""Translate-Test: texts word by word into English, before a model of English ranks them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from clir import manifest, stages, tables
from clir.errors import InputError
from clir.experiment import Experiment
from clir.languages import LANGUAGES
from clir.lexicons import entries
from clir.switching.switcher import MAX_PHRASE_WORDS, Switcher, opened


def build_translators(experiment: Experiment) -> Path:
    """Lay out the words' chain of lexicons read backwards, for Translate-Test; its folder.

    A switcher of every language into English, for ``into_english``.
    """
    stage = stages.translators(experiment)

    def write(out: Path) -> dict[str, int]:
        count = 0
        data = tables.dataset(experiment.workspace.lexicon / "data")
        for lang in LANGUAGES:
            table = data.to_table(filter=pc.field("target_lang") == lang)
            parts = (
                table.filter(pc.equal(table["origin"], origin))
                for origin in experiment.lexicons.words
            )
            backwards = entries.into_english(entries.chain(parts), lang)
            if backwards.num_rows:
                Switcher(backwards, ["en"], max_words=MAX_PHRASE_WORDS).save(out / lang)
                count += backwards.num_rows
        return {"entries": count}

    manifest.build(experiment.workspace, *stage, write)
    return stage.folder


def into_english(texts: pa.Array, ids: pa.Array, lang: str, translators: str) -> pa.Array:
    """Texts translated word by word, longest match first; English ones as they are.

    InputError for a language without entries.
    """
    if lang == "en":
        return texts
    if not (Path(translators) / lang).exists():
        raise InputError(f"the lexicon has no entries for {lang}, which Translate-Test asks for")
    return opened(Path(translators) / lang).switch(texts, ids, "query", 1.0, 0).texts
