"""Files and folders that an experiment names, before anything starts."""

import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clir import manifest
from clir.errors import InputError
from clir.experiment import load, sources
from tests import layouts

CHECKS = (sources.dumps, sources.collections, sources.lexicons, sources.tokenizer_texts)


@pytest.fixture
def config(tmp_path):
    """An experiment of its own on small files that are all there."""
    for name in ("page", "langlinks"):
        (tmp_path / name).write_text("")
    for lang in ("de", "fr"):
        layouts.write(tmp_path / "dictionary" / f"en-{lang}.tsv", "dog\tx")
    for name in ("train", "test"):
        layouts.write_trec(tmp_path / name)
        (tmp_path / name / "about.json").write_text(json.dumps({"domain": "news"}))
    path = tmp_path / "x.yaml"
    path.write_text(
        f"""
name: x
output: {tmp_path}/out
titles: [{{lang: en, page: {tmp_path}/page, langlinks: {tmp_path}/langlinks}}]
lexicons: {{dictionary: {tmp_path}/dictionary}}
collections: {{train: [{tmp_path}/train], test: [{tmp_path}/test]}}
switching: {{languages: [de, fr], pair: [de, en]}}
models: {{static: {{family: static, methods: [zero-shot, ml-cs]}}}}
"""
    )
    return path


def wrong(config: Path, *overrides: str) -> list[str]:
    try:
        load(config, list(overrides), *CHECKS)
    except InputError as error:
        return [line.removeprefix(f"{config}: ") for line in str(error).splitlines()]
    return []


def test_what_is_all_there_is_taken(config):
    assert wrong(config) == []


def test_a_language_beyond_the_fourteen_is_switched_into_and_tested(config, tmp_path):
    polish = ["switching.languages=[pl]", "evaluation.languages=[pl, en]"]
    assert wrong(config, *polish) == []
    told = wrong(config, *polish, "titles=[]")
    assert any("switches into pl, which no lexicon" in line for line in told)
    layouts.write(tmp_path / "dictionary" / "en-pl.tsv", "dog\tpies")
    assert wrong(config, *polish, "titles=[]") == []
    # The sets that are drawn from stay as they are.
    assert [len(langs) for langs in load(config, []).evaluation.mlir.values()] == [6, 14]


def test_everything_that_is_missing_is_told_at_once(config, tmp_path):
    lines = wrong(
        config,
        "titles=[{lang: en, page: no-page, langlinks: no-links}]",
        "lexicons={dictionary: no-folder, vectors: {en: no.vec}, vector_texts: {de: [no.txt]}}",
        "collections={train: [no-train], test: [no-test]}",
        f"training.tokenizer_texts=[no.txt, {tmp_path}/out/made/later]",
        "seeds=[]",
    )
    assert [line.split(": ")[0] for line in lines] == [
        "seeds", "titles.0", "collections.train.0",
        "collections.test.0", "lexicons.dictionary", "lexicons.vectors.en",
        "lexicons.vector_texts.de", "training.tokenizer_texts.0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["collections.train_split=x"], "collections.train.0: .*no judgments of split x; .*train"),
        (["collections.test_split=x"], "collections.test.0: .*no judgments of split x"),
        (["evaluation.languages=[de]"], "evaluation.languages: none is a language of .*: en"),
        (["titles=[]", "switching.languages=[de, ja, zh]", "lexicons.words=[dictionary]"],
         "switching.languages: ml-cs switches into ja, zh, which no lexicon of lexicons.words"),
        (["models.static.methods=[fine-tuning]"],
         "collections.train: no collection has queries in de and documents in en"),
        (["leave_out={model: static, domain: sport}"],
         "leave_out.domain: no training collection is of domain sport; they are of news"),
        (["leave_out={model: static, domain: news}"],
         "leave_out.domain: without news nothing is left to train"),
        (["switching.domain_weights={sport: 1}"],
         "switching.domain_weights: no training collection is of domain sport"),
        (["switching.domain_weights={sport: 1}"], "switching.domain_weights: no weight for news"),
        (["switching.negatives_from=collection"],
         "switching.negatives_from: no training collection has candidates of split train"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_files(config, overrides, line):
    told = wrong(config, *overrides)
    assert any(re.match(line, one) for one in told), told


def test_translate_test_needs_every_language_of_the_tests(config, tmp_path):
    asked = ["titles=[]", "lexicons.words=[dictionary]",
             "models.static.methods=[translate-test]"]  # fmt: skip
    assert wrong(config, *asked) == []
    test = f"collections.test=[{{path: {tmp_path}/test, lang: ja}}]"
    (line,) = wrong(config, *asked, test)
    assert "translate-test cannot translate ja" in line
    # A language that no condition reads need not be translated.
    few = ["evaluation.languages=[en]", "evaluation.mlir={}"]
    test = f"collections.test=[{{path: {tmp_path}/test, lang: ja, query_lang: en}}]"
    assert not any("cannot translate" in line for line in wrong(config, *asked, *few, test))


def test_a_collection_to_train_on_has_english_texts(config, tmp_path):
    layouts.write_beir_by_language(tmp_path / "russian")
    (tmp_path / "russian" / "en").rename(tmp_path / "russian" / "ru")
    train = f"collections.train=[{{path: {tmp_path}/russian, domain: news}}]"
    (line,) = wrong(config, train, "collections.test_split=test")
    assert "russian: training needs English queries and documents; it has documents in" in line


def test_only_what_a_collection_brings_can_be_reranked_where_it_is_asked_for(config, tmp_path):
    asked = ["models={c: {family: cross-encoder, methods: [zero-shot]}}",
             "evaluation.candidates_from=collection"]  # fmt: skip
    assert wrong(config, *asked) == []
    (tmp_path / "test" / "candidates" / "test.run").unlink()
    assert wrong(config, asked[0]) == []
    (line,) = wrong(config, *asked)
    assert line.endswith("give it candidates/test.run")


def test_domains_that_rows_name_are_known_once_they_are_loaded(config, tmp_path):
    layouts.write_beir(tmp_path / "train2")
    train = f"collections.train=[{{path: {tmp_path}/train2, domain: news}}]"
    experiment = load(
        config, [train, "leave_out={model: static, domain: sport}"], *CHECKS
    )  # rows may tell
    queries = {"collection": ["train2", "train2", "other"], "domain": ["news", "law", "sport"]}

    def write(out: Path) -> dict[str, int]:
        for kind in ("queries", "documents"):
            (out / kind).mkdir()
            pq.write_table(pa.table(queries), out / kind / "part.parquet")
        return {}

    tables = experiment.output / "collections"
    with pytest.raises(InputError, match="not there yet"):
        sources.check_domains(experiment)
    manifest.build(experiment.workspace, tables, [], {}, write)
    with pytest.raises(InputError, match="of domain sport; they are of law, news"):
        sources.check_domains(experiment)
    sources.check_domains(load(config, [train, "leave_out={model: static, domain: law}"]))


def test_languages_that_the_mined_lexicon_lacks_are_told_before_training(config, tmp_path):
    tables = {
        "collections/documents": {"collection": ["test"] * 2, "lang": ["en", "ja"]},
        "collections/queries": {"collection": ["test", "train"], "lang": ["de", "hi"]},
        "lexicon/data": {"target_lang": ["de", "ja"], "origin": ["dictionary", "word-vectors"]},
    }
    for name, table in tables.items():
        folder = tmp_path / "out" / name
        folder.mkdir(parents=True)
        pq.write_table(pa.table(table), folder / "part.parquet")
    experiment = load(config, ["models.static.methods=[translate-test]"])
    with pytest.raises(InputError, match="translate-test cannot translate ja: no lexicon"):
        sources.check_translations(experiment)
    sources.check_translations(load(config))  # nobody translates
