"""The data stages on a real local session, on inputs small enough to check by eye."""

import json
from collections import Counter
from itertools import groupby
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clir import experiment, manifest, tables
from clir.collections import trec
from clir.collections.reading import SCHEMAS
from clir.errors import InputError, user_message
from clir.languages import FOURTEEN
from spark_etl import collection_tables, lexicon_card, lexicon_table, titles, training_pairs
from tests import layouts
from tests.dumps import LANGLINKS, PAGE, dump_text, page, write_dump
from tests.sample_runs import ODD, must_not_start
from tests.tables import tables_of

PAGES = [
    page(1, "Dog"),
    page(2, "Mercury_(planet)"),
    page(3, "Mercury_(element)"),
    page(4, "Hound", redirect=1),
    page(5, "Animals", namespace=14),
    page(6, "Coral_reef"),
    page(7, "Rock_'n'_roll"),
]
LINKS = [
    (1, "ar", "كلب"),
    (1, "de", "Hund"),
    (1, "xx", "Foo"),
    (2, "de", "Merkur (Planet)"),
    (3, "de", "Quecksilber"),
    (4, "de", "Jagdhund"),
    (5, "de", "Kategorie:Tiere"),
    (6, "de", "Korallenriff"),
    (6, "ar", ""),
    (7, "de", "Rock ’n’ Roll"),
]


def write_collection(folder: Path, langs=("en", "de", "ar"), count=6) -> Path:
    for lang in langs:
        (folder / lang).mkdir(parents=True)
        own = " الشعاب المرجانية" if lang == "ar" else ""  # a translation is in its script
        documents = [{"_id": f"d{n}", "title": f"The dog {n}",
                      "text": f"A coral reef, {lang} {n}.{own}"} for n in range(count)]  # fmt: skip
        queries = [{"_id": f"q{n}", "text": f"Which dog is {lang} {n}?{own}"}
                   for n in range(count)]  # fmt: skip
        for name, items in (("corpus", documents), ("queries", queries)):
            lines = "".join(json.dumps(item) + "\n" for item in items)
            (folder / lang / f"{name}.jsonl").write_text(lines)
    (folder / "qrels").mkdir()
    rows = "".join(f"q{n}\td{n}\t1\n" for n in range(count))
    for split in ("train", "test"):
        (folder / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + rows)
    (folder / "about.json").write_text('{"domain": "news"}')
    return folder


def settings_in(folder: Path) -> experiment.Experiment:
    (folder / "dictionary").mkdir()
    for lang in ("de", "ar"):
        (folder / "dictionary" / f"en-{lang}.tsv").write_text(f"which\t{lang}-which\n")
    links = folder / "links.sql.gz"
    return experiment.Experiment(
        name="test",
        output=folder / "out",
        titles=[
            {
                "lang": "en",
                "page": write_dump(folder / "page.sql.gz", "page", PAGE, PAGES),
                "langlinks": write_dump(links, "langlinks", LANGLINKS, LINKS, row_per_line=True),
            }
        ],
        lexicons={"dictionary": folder / "dictionary"},
        collections={
            "train": [{"path": write_collection(folder / "train")}],
            "test": [{"path": write_collection(folder / "test")}],
        },
        switching={"languages": ["de", "ar"], "probability": 1.0, "negatives": 2, "copies": 2},
        models={"static": {"family": "static"}},
        spark={"shuffle_partitions": 2},
    )


@pytest.fixture
def settings(tmp_path):
    return settings_in(tmp_path)


@pytest.fixture(scope="module")
def prepared(spark, tmp_path_factory):
    """An experiment whose titles, collections and lexicon are there, for all who change none."""
    settings = settings_in(tmp_path_factory.mktemp("prepared"))
    prepare(spark, settings)
    return settings


def change(settings, **fields):
    """Other values in a copy; of a section (a dict) those of some of its fields."""
    for name, value in fields.items():
        if isinstance(value, dict):
            fields[name] = getattr(settings, name).model_copy(update=value)
    return settings.model_copy(update=fields)


def with_dump(settings, **fields):
    """Other values for the only Wikipedia, such as another file."""
    return change(settings, titles=[settings.titles[0].model_copy(update=fields)])


def data(folder: Path) -> list[dict]:
    parts = sorted((folder / "data").glob("*.parquet"))
    return pa.concat_tables([pq.read_table(part) for part in parts]).to_pylist()


def prepare(spark, settings):
    titles.mine(spark, settings)
    collection_tables.load(spark, settings)
    lexicon_table.build(spark, settings)


def test_titles_are_those_of_articles_and_every_other_row_is_counted(prepared):
    folder = prepared.workspace.titles
    found = [(r["source_title"], r["target_lang"], r["target_title"]) for r in data(folder)]
    assert found == [
        ("Dog", "ar", "كلب"),
        ("Dog", "de", "Hund"),
        ("Mercury_(planet)", "de", "Merkur (Planet)"),
        ("Mercury_(element)", "de", "Quecksilber"),
        ("Coral_reef", "de", "Korallenriff"),
        ("Rock_'n'_roll", "de", "Rock ’n’ Roll"),
    ]
    counts = manifest.read(folder)["counts"]
    assert counts["page rows"] == 7 and counts["langlinks rows"] == 10
    assert counts["page redirect"] == 1 and counts["page other namespace"] == 1
    assert counts["page articles"] == 5 and counts["langlinks link from no article"] == 2
    assert counts["langlinks link into another language"] == 1
    assert counts["langlinks link without a title"] == 1


def test_titles_are_joined_whatever_the_order_of_ids(spark, settings, tmp_path):
    """Dumps come in the order of page ids, and ids are joined by ranges: neither may matter."""
    ids = [1, 2**18 - 1, 2**18, 2**18 + 1, 2**19, 5 * 2**18 + 7, 2**20 - 1, 10**17]
    draw = np.random.default_rng(1)
    pages = [page(int(n), f"Page_{n}", redirect=int(n == 2**19)) for n in draw.permutation(ids)]
    links = [
        (int(n), lang, f"{lang} {n}") for n in draw.permutation([*ids, 3]) for lang in ("fr", "de")
    ]
    files = {
        "page": write_dump(tmp_path / "page.sql", "page", PAGE, pages),
        "langlinks": write_dump(tmp_path / "links.sql", "langlinks", LANGLINKS, links),
    }
    folder = titles.mine(spark, with_dump(settings, **files))
    found = [
        (r["page_id"], r["source_title"], r["target_lang"], r["target_title"]) for r in data(folder)
    ]
    articles = [n for n in ids if n != 2**19]
    assert sorted(found) == sorted(
        (n, f"Page_{n}", lang, f"{lang} {n}") for n in articles for lang in ("de", "fr")
    )
    assert manifest.read(folder)["counts"]["langlinks link from no article"] == 4


def test_dumps_without_articles_make_an_empty_table(spark, settings, tmp_path):
    nothing = {
        "page": write_dump(tmp_path / "page.sql", "page", PAGE, [page(1, "Dog", redirect=1)]),
        "langlinks": write_dump(tmp_path / "links.sql", "langlinks", LANGLINKS, []),
    }
    folder = titles.mine(spark, with_dump(settings, **nothing))
    assert pq.read_table(folder / "data", schema=tables.TITLES).num_rows == 0
    assert manifest.read(folder)["counts"]["langlinks rows"] == 0


def test_real_dumps_reconcile_to_the_last_row(spark, settings, shared_data):
    true = json.loads((shared_data / "dumps" / "counts.json").read_text())
    page, langlinks = (
        shared_data / "dumps" / f"enwiki-20260101-{table}.sql.gz" for table in ("page", "langlinks")
    )
    folder = titles.mine(spark, with_dump(settings, page=page, langlinks=langlinks))
    languages = pq.read_table(folder / "data")["target_lang"].to_pylist()
    found = Counter(lang for lang in languages if lang in FOURTEEN)  # all that the file counts
    assert found == true["links_from_articles"]
    counts = manifest.read(folder)["counts"]
    assert counts["page articles"] == true["article_pages"]
    for table, whole, kept in (("page", "pages", "articles"), ("langlinks", "langlinks", "titles")):
        found = {k: n for k, n in counts.items() if k.startswith(table) and " rows" not in k}
        found["kept"] = 0 if table == "page" else counts[kept]  # articles are among the page's
        assert counts[f"{table} rows"] == true[whole] == sum(found.values())


def test_what_is_no_row_is_set_aside_with_its_place(spark, settings, tmp_path):
    text = dump_text("page", PAGE, PAGES * 200)
    (tmp_path / "page.sql").write_bytes(text.encode().replace(b"'Coral_reef'", b"'Coral_reef", 1))
    damaged = with_dump(settings, page=tmp_path / "page.sql", max_bad_share=0.01)
    folder = titles.mine(spark, damaged)
    (piece,) = pq.read_table(folder / "rejected").to_pylist()
    assert (piece["table"], piece["lang"], piece["reason"]) == ("page", "en", "damaged row")
    assert piece["raw"].startswith(b"(6,0,'Coral_reef,0,")
    assert (tmp_path / "page.sql").read_bytes()[piece["offset"] :].startswith(piece["raw"])
    counts = manifest.read(folder)["counts"]
    assert counts["page rows"] == 1399 and counts["page dropped: damaged row"] == 1
    message = fails(lambda: titles.mine(spark, with_dump(damaged, max_bad_share=0.0005)))
    assert "page.sql: 1 of 1400 rows are damaged, more than max_bad_share 0.0005" in message
    assert pq.read_table(settings.output / "titles.rejected").to_pylist() == [piece]


def test_the_lexicon_joins_titles_and_dictionaries(prepared):
    folder = prepared.workspace.lexicon
    rows = data(folder)
    by_term = {(r["origin"], r["source_term"], r["target_lang"], r["rank"]): r["target_term"]
               for r in rows}  # fmt: skip
    assert by_term["wikipedia-titles", "coral reef", "de", 1] == "Korallenriff"
    # Both had a suffix, so both count the same and the alphabet decides.
    assert by_term["wikipedia-titles", "mercury", "de", 1] == "Merkur"
    assert by_term["wikipedia-titles", "mercury", "de", 2] == "Quecksilber"
    assert by_term["dictionary", "which", "ar", 1] == "ar-which"
    tables.check(
        pq.read_schema(next((folder / "data").glob("*.parquet"))), tables.LEXICON, "lexicon"
    )


TITLES = (
    "page_id long, source_lang string, source_title string, target_lang string, target_title string"
)


MINED = {  # titles, the entries that they give, and why others give none
    "several Wikipedias are merged in both directions": ([
        (1, "en", "Dog", "de", "Hund"),
        (1, "en", "Dog", "fr", "Chien"),
        (2, "en", "Bank_(geography)", "de", "Ufer"),
        (3, "en", "Bank", "de", "Bank"),
        (4, "en", "NASA", "ru", "NASA"),
        (5, "en", "A_very_long_title", "de", "Ein langer Titel"),
        (7, "de", "Hund", "en", "Dog"),  # the other direction
        (7, "de", "Hund", "fr", "Chien"),  # a third Wikipedia agrees
        (8, "de", "Gewässerufer", "en", "Bank_(geography)"),
        (9, "de", "Nur_deutsch", "fr", "Seulement"),  # says nothing of English
    ], {
        ("dog", "de", 1): ("Hund", 2.0),
        ("dog", "fr", 1): ("chien", 2.0),
        ("bank", "de", 1): ("Bank", 1.0),
        ("bank", "de", 2): ("Gewässerufer", 0.5),
        ("bank", "de", 3): ("Ufer", 0.5),
    }, {"titles in another script": 1, "titles longer than three words": 1}),
    "titles that are no articles are dropped": ([
        (1, "en", "Main_Page", "de", "Wikipedia:Hauptseite"),
        (2, "en", "Bart_Example", "it", "Personaggi della serie#Bart"),
        (3, "en", "Light", "fr", "Portail:Lumière"),
        (4, "en", "Bread", "ru", "Категория:Хлеб"),
        (5, "en", "Sun", "de", "#Sonne"),
        (6, "en", "Moon", "fr", ":en:Moon"),
        (7, "en", "Mercury_(planet)", "de", "Merkur (Planet)#Bahn"),
        (8, "en", "Star_Trek:_Voyager", "zh", "星际旅行"),
        (9, "de", "Sonne", "en", "Talk:Sun"),
        (9, "de", "Sonne", "fr", "Soleil"),
        (10, "de", "Brot", "en", "Bread#History"),
    ], {
        ("bart example", "it", 1): ("personaggi della serie", 1.0),
        ("mercury", "de", 1): ("Merkur", 0.5),
        ("star trek: voyager", "zh", 1): ("星际旅行", 1.0),
        ("bread", "de", 1): ("Brot", 1.0),
    }, {"titles in a namespace": 5, "titles of another wiki": 1, "titles empty": 1}),
    "titles that differ only in spelling are one": ([
        (1, "en", "Cold_War", "de", "kalter Krieg"),
        (2, "de", "Kalter_Krieg", "en", "Cold War"),
        (3, "fr", "Guerre_froide", "en", "Cold War"),
        (3, "fr", "Guerre_froide", "de", "Kalter Krieg"),
        (4, "en", "Café", "hi", "क़हवा"),
        (5, "hi", "कहवा", "en", "Cafe\u0301"),
    ], {
        ("cold war", "de", 1): ("Kalter Krieg", 3.0),
        ("cold war", "fr", 1): ("guerre froide", 1.0),
        ("café", "hi", 1): ("कहवा", 2.0),
    }, {}),
}  # fmt: skip


@pytest.mark.parametrize("what", MINED)
def test_entries_of_titles(spark, what):
    rows, entries, drops = MINED[what]
    mined = spark().createDataFrame(rows, TITLES)
    found = lexicon_table.from_titles(mined).collect()
    told = {(r.source_term, r.target_lang, r.rank): (r.target_term, r.score) for r in found}
    assert told == entries
    assert all(r.copy == (r.target_term == "Bank") for r in found)
    assert lexicon_table.drops_of_titles(mined) == drops


def test_the_card_judges_every_lexicon_and_is_a_gate(spark, prepared):
    folder = lexicon_card.build(spark, prepared)
    cards = {
        (c["lexicon"], c["target_lang"]): c for c in json.loads((folder / "card.json").read_text())
    }
    # "A coral reef, en 3.": a phrase of two of the five words.
    assert cards["wikipedia-titles", "de"]["switch_rate"]["1.0"] == 2 / 5
    assert cards["dictionary", "ar"]["token_coverage"] == 0.0
    assert ("dictionary, then wikipedia-titles", "de") in cards
    strict = change(prepared, lexicons={"minimum_coverage": 0.2})
    message = fails(lambda: lexicon_card.build(spark, strict))
    assert "cover too little" in message and "ar 0.0%" in message


def test_pairs_of_every_method(spark, prepared):
    made = {
        method: data(training_pairs.build(spark, prepared, method))
        for method in ("zero-shot", "bl-cs", "ml-cs", "wiki-cs", "fine-tuning")
    }
    for rows in made.values():
        positives = [row for row in rows if row["label"] == 1]
        assert len(positives) == 12  # 6 pairs, 2 copies
        assert len({row["pair_id"] for row in rows}) == len(rows)
        for row in rows:  # a negative is no judged document of its query
            assert (row["query_id"][1:] == row["doc_id"][1:]) == (row["label"] == 1)
        assert {row["score"] for row in rows} == {None}  # there is no teacher yet
    met = []  # the queries of a pass: each stands together in one shard, its positive first
    for shard in (prepared.output / "pairs" / "ml-cs" / "data").glob("*.parquet"):
        rows = pq.read_table(shard).to_pylist()
        of = groupby(rows, lambda row: (row["query_id"], row["pair_id"].split("#")[1]))
        met += [(query, [row["label"] for row in pairs]) for query, pairs in of]
    assert len(dict(met)) == len(met) == 12
    assert all(sum(labels[:1]) == sum(labels) == 1 for _, labels in met)
    for row in made["zero-shot"]:
        number = row["query_id"][1:]
        assert row["query"] == f"Which dog is en {number}?" and row["query_switched"] == 0
    for row in made["bl-cs"]:
        assert row["query"].startswith("De-which Hund is")
        assert "كلب" in row["passage"] and "Hund" not in row["passage"]
    for row in made["wiki-cs"]:
        assert row["query"].startswith(("Which Hund is", "Which كلب is"))
        assert ("Korallenriff" in row["passage"]) <= ("كلب" not in row["passage"])
    assert {row["query"].split()[1] for row in made["ml-cs"]} == {"Hund", "كلب"}
    assert all("de" in row["query"] and "ar" in row["passage"] for row in made["fine-tuning"])
    counts = manifest.read(prepared.output / "pairs" / "bl-cs")["counts"]
    # "Which dog is en 3?": two of five words; "The dog 3 A coral reef, en 3.": dog and coral reef.
    assert counts["switched"]["news"]["query"] == {"all": 0.4, "de": 0.4}
    assert counts["switched"]["news"]["passage"]["ar"] == round(1 / 8, 4)
    pairs = len(made["bl-cs"])
    assert (counts["query words"], counts["query switched"]) == (5 * pairs, 2 * pairs)
    assert (counts["passage words"], counts["passage switched"]) == (8 * pairs, pairs)
    assert "switched" not in manifest.read(prepared.output / "pairs" / "zero-shot")["counts"]


def test_rates_of_what_is_switched_on_the_fly_are_those_of_written_pairs(spark, prepared):
    written = manifest.read(training_pairs.build(spark, prepared, "ml-cs"))["counts"]
    later = change(prepared, switching={"on_the_fly": True})
    assert training_pairs.build(spark, later, "ml-cs") == prepared.workspace.pairs("zero-shot")
    rates = manifest.read(prepared.workspace.switch_rates("ml-cs"))["counts"]
    assert rates == {name: written[name] for name in rates} and "switched" in rates


def test_failed_translations_are_named_and_no_training_pairs(spark, settings, tmp_path):
    corpus = tmp_path / "train" / "ar" / "corpus.jsonl"
    queries = tmp_path / "train" / "de" / "queries.jsonl"
    corpus.write_text(corpus.read_text().replace("A coral reef, ar 3.", "." * 20))
    queries.write_text(queries.read_text().replace("Which dog is de 1?", "какая это собака"))
    prepare(spark, settings)
    rows = pq.read_table(settings.workspace.collections / "flawed_translations").to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("train", "documents", "ar", "d3", "dotted line"),
        ("train", "queries", "de", "q1", "another script"),
    ]
    counts = manifest.read(settings.workspace.collections)["counts"]
    assert counts["flaws"] == {"train": {"ar": {"dotted line": 1}, "de": {"another script": 1}}}
    folder = training_pairs.build(spark, settings, "fine-tuning")
    used = {row["query_id"] for row in data(folder) if row["label"] == 1}
    assert used == {"q0", "q2", "q4", "q5"}  # query 1 is flawed, document 3
    assert manifest.read(folder)["counts"]["dropped: translation that failed"] == 2


def test_negatives_from_bm25_and_from_given_candidates(spark, prepared, settings, tmp_path):
    def wrong(source, settings):
        settings = change(settings, switching={"negatives_from": source})
        rows = data(training_pairs.build(spark, settings, "zero-shot"))
        return [row for row in rows if row["label"] == 0]

    rows = wrong("bm25", prepared)
    assert len(rows) == 6 * 2 * 2  # pairs, negatives, copies
    assert all(row["query_id"][1:] != row["doc_id"][1:] for row in rows)
    with pytest.raises(InputError, match="no training collection has any"):
        wrong("collection", prepared)
    (tmp_path / "train" / "candidates").mkdir()
    run = "q0 Q0 d0 1 9.0 me\nq0 Q0 d4 2 8.0 me\n"  # d0 is the answer
    (tmp_path / "train" / "candidates" / "train.run").write_text(run)
    collection_tables.load(spark, settings)
    given = wrong("collection", settings)
    assert {(row["query_id"], row["doc_id"]) for row in given} == {("q0", "d4")}


def test_title_pairs_do_not_give_the_title_away(spark, prepared):
    titled = change(prepared, switching={"title_pairs": True, "negatives": 0})
    rows = data(training_pairs.build(spark, titled, "zero-shot"))
    by_title = [row for row in rows if row["query"].startswith("The dog")]
    assert len(by_title) == 12 and all("dog" not in row["passage"] for row in by_title)
    judged = [row for row in rows if row["query"].startswith("Which")]
    assert len(judged) == 12 and all("dog" in row["passage"] for row in judged)


def test_the_same_bytes_for_any_number_of_partitions(spark, settings):
    made = []
    for partitions in (1, 7):
        output = settings.output / str(partitions)
        parted = change(settings, spark={"shuffle_partitions": partitions}, output=output)
        prepare(spark, parted)
        card = lexicon_card.build(spark, parted)
        for method in ("ml-cs", "wiki-cs", "fine-tuning"):
            folder = training_pairs.build(spark, parted, method)
            assert len(list((folder / "data").glob("*.parquet"))) == partitions  # as asked
        made.append((tables_of(parted.output), (card / "card.json").read_text()))
    assert made[0] == made[1]
    assert {"titles/data", "lexicon/data", "collections/documents"} < made[0][0].keys()


def test_a_stage_that_is_up_to_date_does_not_even_start_spark(prepared):
    prepare(must_not_start, prepared)


def fails(work) -> str:
    with pytest.raises(Exception) as error:
        work()
    message = user_message(error.value)
    assert message and "\n" not in message
    return message


def test_rejected_rows_of_a_user_s_own_folder_stay(settings):
    settings.workspace.open()
    theirs = settings.workspace.rejected_titles / "mine"
    theirs.parent.mkdir()
    theirs.write_text("mine")
    assert "titles.rejected" in fails(lambda: titles.mine(must_not_start, settings))
    assert theirs.read_text() == "mine" and not (settings.workspace.titles).exists()


def test_names_that_mean_something_in_paths_are_names(spark, settings, tmp_path):
    """Of the output folder and of collections: the same tables as with plain names."""
    made = []
    for name in ("plain", ODD):
        path = tmp_path / "data" / name / name
        path.parent.mkdir(parents=True)
        train = [experiment.Collection(path=write_collection(path))]
        named = change(
            settings,
            output=tmp_path / "made" / name,
            collections={"train": train, "test": []},
            switching={"negatives_from": "bm25"},
        )
        prepare(spark, named)
        lexicon_card.build(spark, named)
        for method in ("zero-shot", "ml-cs"):
            rows = data(training_pairs.build(spark, named, method))
            assert {row["collection"] for row in rows} == {name}
            kept = ("query_id", "doc_id", "query", "passage", "label")
            made.append(sorted(tuple(row[key] for key in kept) for row in rows))
    plain, switched, odd, odd_switched = made
    assert len(plain) == 6 * 2 * 3 and {row[:2] for row in plain} == {row[:2] for row in odd}
    assert len(switched) == len(odd_switched)


def test_mistakes_in_collections_name_file_and_line(spark, settings, tmp_path):
    corpus = tmp_path / "train" / "en" / "corpus.jsonl"
    qrels = tmp_path / "train" / "qrels" / "train.tsv"
    good_corpus, good_qrels = corpus.read_text(), qrels.read_text()
    for path, content, expected in [
        (corpus, good_corpus + "{oops\n", f"{corpus}:7: not JSON"),
        (
            corpus,
            good_corpus + good_corpus.splitlines()[2] + "\n",
            f"{corpus}:7: duplicate id 'd2'",
        ),
        (qrels, good_qrels + "q1\tnowhere\t1\n", f"{qrels}:8: unknown doc id 'nowhere'"),
        (qrels, good_qrels + "nobody\td1\t1\n", f"{qrels}:8: unknown query id 'nobody'"),
    ]:
        path.write_text(content)
        assert fails(lambda: collection_tables.load(spark, settings)).startswith(expected)
        assert not (settings.output / "collections").exists()
        corpus.write_text(good_corpus)
        qrels.write_text(good_qrels)
    collection_tables.load(spark, settings)


def test_every_layout_ends_up_in_the_same_tables(spark, settings, tmp_path):
    folders = [write(tmp_path / write.__name__) for write in layouts.LAYOUTS]
    train = [experiment.Collection(path=folder, domain="news") for folder in folders]
    settings = change(settings, collections={"train": train, "test": []})
    out = collection_tables.load(spark, settings)

    def rows(kind, collection, columns):
        tables.check(pq.read_schema(next((out / kind).glob("*.parquet"))), SCHEMAS[kind], kind)
        table = pq.read_table(out / kind, filters=[("collection", "=", collection)])
        return {tuple(row.values()) for row in table.select(columns).to_pylist()}

    expected = {
        "documents": {("en", *item) for item in layouts.DOCUMENTS.items()},
        # MS MARCO's are in the files of two splits.
        "queries": {("en", *item) for item in layouts.QUERIES.items()},
        "judgments": set(layouts.JUDGMENTS),
        "candidates": {("test", None, None, *row, "bm25") for row in layouts.RUN},
    }
    for folder in folders:
        for kind, wanted in expected.items():
            columns = [n for n in SCHEMAS[kind].names if n not in ("collection", "domain", "title")]
            found = rows(kind, folder.name, columns)
            if folder.name == "write_mmarco" and kind in ("documents", "queries"):
                wanted = wanted | {("de", *row[1:]) for row in wanted}
            assert found == wanted
    counts = manifest.read(out)["counts"]
    expected = {"documents": 18, "queries": 12, "judgments": 15, "candidates": 10}
    expected |= {"documents without text": 0, "queries without text": 0}
    judged = {folder.name: {"train": 1, "test": 1} for folder in folders}
    assert counts == expected | {"judged": judged, "flawed translations": 0, "flaws": {}}

    mmarco = folders[3]
    layouts.write(mmarco / "triples.train.ids.tsv", "7\t1\t2", "7\t1\t99")
    message = fails(lambda: collection_tables.load(spark, settings))
    assert message.startswith(f"{mmarco}/triples.train.ids.tsv:2: unknown doc id '99'")
    documents = folders[4] / "documents"
    layouts.write(documents / "c", "<DOC>", "<DOCNO>2</DOCNO>", "</DOC>")
    message = fails(lambda: collection_tables.load(spark, settings))
    assert message == f"{documents}/more/b.txt:2: duplicate id '2', first in {documents}/c:1"


def test_what_is_rejected_of_a_dump_that_fails_is_kept(spark, settings, tmp_path):
    text = dump_text("page", PAGE, PAGES).replace("',0,", "',zero,")  # six of the seven rows
    (tmp_path / "page.sql").write_text(text)
    message = fails(lambda: titles.mine(spark, with_dump(settings, page=tmp_path / "page.sql")))
    assert "rows are damaged" in message and "page.sql" in message
    pieces = pq.read_table(settings.output / "titles.rejected" / "page.en.parquet").to_pylist()
    assert [piece["reason"] for piece in pieces] == ["unreadable value"] * 6
    assert not (settings.output / "titles").exists()


def test_mistakes_in_dumps_and_lexicons(spark, prepared, settings, tmp_path):
    (tmp_path / "page.sql.gz").write_bytes(b"no gzip")
    assert "its bytes say plain" in fails(lambda: titles.mine(spark, settings))
    assert not (settings.output / "titles").exists()
    asked = change(prepared, switching={"languages": ["de", "vi"]})
    assert "no entries for vi" in fails(lambda: training_pairs.build(spark, asked, "ml-cs"))


def write_lines(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines))


def load_tested(spark, settings, folder: Path) -> Path:
    """The tables with a collection of news to test on."""
    test = [experiment.Collection(path=folder, domain="news")]
    return collection_tables.load(spark, change(settings, collections={"test": test}))


def rows_of(folder: Path, kind: str, collection: str) -> set[tuple]:
    table = pq.read_table(folder / kind, filters=[("collection", "=", collection)])
    return {tuple(row.values())[1:] for row in table.to_pylist()}


def test_judgments_of_absent_texts_are_dropped_and_counted(spark, settings, tmp_path, capsys):
    qrels = tmp_path / "test" / "qrels" / "test.tsv"
    rows = [f"q{n}\td{m}\t1" for n in range(6) for m in range(6)]
    write_lines(qrels, *rows, "q1\tgone\t1", "nobody\td1\t0")
    run = tmp_path / "test" / "candidates" / "test.run"
    write_lines(run, *(f"q1 Q0 d{n} {n} {-n} x" for n in range(6)), "q1 Q0 gone 7 -7 x")

    def load(share):
        allowed = change(settings, collections={"max_missing_share": share})
        return collection_tables.load(spark, allowed)

    message = fails(lambda: load(0.01))
    assert message.startswith(
        f"{qrels}:37: unknown doc id 'gone': no language's texts have it; 2 of"
    )
    assert message.endswith("more than collections.max_missing_share 0.01") and "5.3%" in message
    message = fails(lambda: load(0.1))
    assert message.startswith(f"{run}:7: unknown doc id 'gone'")
    folder = load(0.2)
    counts = manifest.read(folder)["counts"]
    # Of the training collection twelve, and as many as before of the split train.
    assert counts["judgments"] == 36 + 12 + 6 and counts["candidates"] == 6
    assert counts["judgments dropped: unknown doc id"] == 1
    assert counts["judgments dropped: unknown query id"] == 1
    assert counts["candidates dropped: unknown doc id"] == 1
    assert "judgments dropped: unknown doc id 1, " in capsys.readouterr().out
    assert {doc for _, _, doc, _ in rows_of(folder, "judgments", "test")} == {
        f"d{n}" for n in range(6)
    }


def test_ids_of_any_kind_are_found_as_they_stand_or_decoded(spark, settings, tmp_path):
    """In our own run and qrels files, and in qrels that Python's csv wrote, they are encoded."""
    ids = ["Red sun:3", 'film:"Blue Boat"', "50%", "a\tb", "tab\u3000wide", "a+b", '"', "x%20y"]
    folder = tmp_path / "nasty"
    for name in ("corpus", "queries"):
        items = (json.dumps({"_id": key, "text": "t"}) for key in ids)
        write_lines(folder / f"{name}.jsonl", *items)
    encoded = trec.encoded(pa.array(ids)).to_pylist()
    assert encoded[0] == "Red%20sun:3" and encoded[2] == "50%25"
    write_lines(folder / "qrels" / "test.tsv", *(
        f"{query}\t{doc}\t1" for query, doc in [
            *((key, key) for key in ids if "\t" not in key),
            *zip(encoded, encoded, strict=True),  # the same once more
            ('"film:""Blue Boat"""', "a%09b"),
        ]
    ))  # fmt: skip
    write_lines(folder / "candidates" / "test.run", *(
        f"{query} Q0 {doc} 1 2.5 x"
        for query, doc in zip(encoded, reversed(encoded), strict=True)
    ))  # fmt: skip
    out = load_tested(spark, settings, folder)
    assert rows_of(out, "judgments", "nasty") == {
        *(("test", key, key, 1) for key in ids),
        ("test", 'film:"Blue Boat"', "a\tb", 1),
    }
    assert {row[3:5] for row in rows_of(out, "candidates", "nasty")} == set(
        zip(ids, reversed(ids), strict=True)
    )


def test_empty_texts_and_other_encodings_are_counted_and_told(spark, settings, tmp_path, capsys):
    folder = tmp_path / "web"
    pages = [
        "<DOC><DOCNO>1</DOCNO><DOCHDR>x</DOCHDR><p>caf\xe9</DOC>",
        "<DOC><DOCNO>2</DOCNO><DOCHDR>x</DOCHDR><script>only()</script></DOC>",
        "<DOC><DOCNO>3</DOCNO><TEXT>&nbsp;<P></TEXT></DOC>",
        "<DOC><DOCNO>4</DOCNO><HL>A title</HL></DOC>",
    ]
    (folder / "documents").mkdir(parents=True)
    (folder / "documents" / "a").write_bytes("\n".join(pages).encode("latin-1"))
    write_lines(folder / "topics.txt", "<top><num>1<title>a</top>")
    write_lines(folder / "topics.test.txt", "<top><num>1<title>a</top>",
                "<top><num>2<title>&#8203;<desc> </top>")  # fmt: skip
    write_lines(folder / "qrels.test.txt", "1 0 1 1")
    out = load_tested(spark, settings, folder)
    counts = manifest.read(out)["counts"]
    assert counts["documents without text"] == 2 and counts["queries without text"] == 1
    assert counts["documents without text, by collection"] == {"web": {"en": 2}}
    assert counts["documents that are not UTF-8"] == 1
    assert ("web", "en", "1", "", "café") in {
        ("web", *row[1:]) for row in rows_of(out, "documents", "web")
    }
    told = capsys.readouterr().out
    assert "documents without text 2, documents that are not UTF-8 1, " in told
    assert "queries without text 1, " in told


def test_judgments_that_no_document_answers_are_no_test(spark, settings, tmp_path):
    write_lines(tmp_path / "test" / "qrels" / "test.tsv", "q1\td1\t0", "q2\td2\t-1")
    message = fails(lambda: collection_tables.load(spark, settings))
    assert message.endswith("no judgment of the split test says that a document answers")
