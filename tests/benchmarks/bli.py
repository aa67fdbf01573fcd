"""Word translation by trained vectors, measured: ``python -m tests.benchmarks.bli --help``.

Trains vectors on the texts of each language, aligns them with English by title seeds and by
dictionary seeds, and prints precision@1 on a gold list of word pairs (bilingual lexicon induction).
Seeds whose English word is in the gold list are left out; what is learned from the rest is asked.

covered: gold words whose source has a vector, and one of whose translations has one.
precision@1: of covered words, those whose nearest neighbour is a translation; ``cos``: by cosine,
``csls``: by CSLS; ``plain``: one Procrustes map by the seeds, ``refined``: iterated.
mutual: of covered words, the share whose best by CSLS chooses them back (only these come into the
lexicon), and precision@1 of those.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import yaml

from clir import tables
from clir.experiment import Experiment
from clir.languages import LANGUAGES
from clir.lexicons import word_vectors
from spark_etl import lexicon_table, titles, trained_vectors
from spark_etl.session import read_table, spark_session

Gold = dict[str, set[str]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--texts", type=Path, required=True, help="LANG: text file or folder")
    parser.add_argument("--dumps", type=Path, required=True, help="enwiki page and langlinks")
    parser.add_argument("--dictionary", type=Path, required=True, help="en-LANG.tsv")
    parser.add_argument("--gold", required=True, help="gold list, as path/test.en-{lang}.tsv")
    parser.add_argument("--out", type=Path, default=Path("runs/bli"))
    parser.add_argument("--training", default="{}", help="lexicons.vector_training (YAML)")
    arguments = parser.parse_args()
    gold = {
        lang: read_gold(path)
        for lang in LANGUAGES
        if (path := Path(arguments.gold.format(lang=lang))).exists()
        and (arguments.texts / lang).exists()
    }
    lexicon, vectors = prepare(arguments, ["en", *gold])
    rows = []
    for lang, pairs in gold.items():
        for origin in ("wikipedia-titles", "dictionary"):
            rows += measure(lang, pairs, origin, lexicon, vectors)
    (arguments.out / "bli.json").write_text(json.dumps(rows, indent=1) + "\n")


def read_gold(path: Path) -> Gold:
    """Translations of each English word, all in lower case."""
    gold: Gold = defaultdict(set)
    for line in path.read_text(encoding="utf-8").splitlines():
        source, target = line.lower().split("\t")
        gold[source].add(target)
    return gold


def prepare(arguments: argparse.Namespace, langs: list[str]) -> tuple[pa.Table, dict[str, Path]]:
    """The lexicon of titles and dictionaries, and the folder of each language's vectors."""
    (page,) = arguments.dumps.glob("enwiki-*-page.sql.gz")
    (langlinks,) = arguments.dumps.glob("enwiki-*-langlinks.sql.gz")
    lexicons = {"dictionary": arguments.dictionary}
    training = {
        "vector_texts": {lang: arguments.texts / lang for lang in langs},
        "vector_training": yaml.safe_load(arguments.training),
    }

    def experiment(**settings: object) -> Experiment:
        return Experiment(
            name="bli",
            output=arguments.out,
            titles=[{"lang": "en", "page": page, "langlinks": langlinks}],
            lexicons=lexicons | settings,
            collections={"train": [], "test": []},
            models={},
        )

    with spark_session(experiment().spark) as spark:
        titles.mine(spark, experiment())
        folder = lexicon_table.build(spark, experiment()) / "data"
        vectors = trained_vectors.train(
            spark, experiment(**training), lambda: read_table(spark(), folder)
        )
    return tables.dataset(folder).to_table(), vectors


def measure(
    lang: str, gold: Gold, origin: str, lexicon: pa.Table, vectors: dict[str, Path]
) -> list[dict[str, object]]:
    """Precision with one kind of seeds, plain and refined."""
    (words, english), (their_words, theirs) = (
        (read.words.to_pylist(), word_vectors.normalised(read.matrix))
        for read in (
            word_vectors.of_words(word_vectors.read_vec(vectors[side] / "words.vec", 200_000))
            for side in ("en", lang)
        )
    )
    row = {word: n for n, word in reversed(list(enumerate(words)))}
    their_row = {word: n for n, word in reversed(list(enumerate(their_words)))}
    known = [word for word in gold if word in row and gold[word] & their_row.keys()]
    seeds = seed_pairs(lexicon, lang, origin, gold, row, their_row)
    asked = np.array([row[word] for word in known])
    rows = []
    for name, rounds in (("plain", 0), ("refined", 5)):
        mapped = theirs @ word_vectors.align(theirs, english, seeds[:, ::-1], rounds)
        near, their_near = (
            word_vectors.nearness(english, mapped),
            word_vectors.nearness(mapped, english),
        )

        def right(found: np.ndarray) -> np.ndarray:
            named = zip(known, found, strict=True)
            return np.array([their_words[n] in gold[word] for word, n in named])

        nothing = np.zeros(len(asked)), np.zeros(len(mapped))
        by_cosine = word_vectors.csls(english[asked], mapped, *nothing, 1)[0][:, 0]
        best = word_vectors.csls(english[asked], mapped, near[asked], their_near, 1)[0][:, 0]
        back = word_vectors.csls(mapped[best], english, their_near[best], near, 1)[0][:, 0]
        mutual = back == asked
        result = {
            "pair": f"en-{lang}",
            "seeds": origin,
            "seed_pairs": len(seeds),
            "map": name,
            "vectors": [len(words), len(their_words)],
            "gold": len(gold),
            "covered": len(known),
            "precision_cos": round(float(right(by_cosine).mean()), 4),
            "precision_csls": round(float(right(best).mean()), 4),
            "mutual_share": round(float(mutual.mean()), 4),
            "mutual_precision": round(float(right(best)[mutual].mean()), 4),
        }
        print(json.dumps(result), flush=True)
        rows.append(result)
    return rows


def seed_pairs(
    lexicon: pa.Table,
    lang: str,
    origin: str,
    gold: Gold,
    row: dict[str, int],
    their_row: dict[str, int],
) -> np.ndarray:
    """Rows of English and their words that translate each other best; no gold word."""
    part = lexicon.filter(
        (pc.field("origin") == origin)
        & (pc.field("target_lang") == lang)
        & (pc.field("source_words") == 1)
        & (pc.field("rank") == 1)
    )
    terms = zip(
        pc.utf8_lower(part["source_term"]).to_pylist(),
        pc.utf8_lower(part["target_term"]).to_pylist(),
        strict=True,
    )
    return np.array(
        [
            (row[source], their_row[target])
            for source, target in terms
            if source not in gold and source in row and target in their_row
        ]
    )


if __name__ == "__main__":
    main()
