"""The benchmarks' own code runs, on little: what it measures is not looked at here."""

import json

import pytest

from tests.benchmarks import generate
from tests.benchmarks.run import LANGS, compared, measure, work, write_config


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    dumps = {
        "page": generate.write_page_dump(folder / "page.sql.gz", 300),
        "links": generate.write_langlinks_dump(folder / "links.sql.gz", 300, LANGS),
    }
    return dumps | {
        "config": write_config(folder / "mined.yaml", dumps["page"], dumps["links"], ["en"]),
        "passages": generate.write_passages(folder / "passages.parquet", 50),
        "dictionary": generate.write_dictionary(folder / "dictionary.json", LANGS[:2]),
        "out": folder / "out.parquet",
    }


def test_the_whole_job_is_a_work_too(inputs):
    done = measure(work("mine_titles", inputs["config"], inputs["config"], 2))
    assert done.amount == 598 and 0 < done.seconds < done.whole


@pytest.mark.parametrize(
    ("name", "arguments", "amount"),
    [
        ("dump_reader", ["page"], 300),
        ("switch_kernel", ["passages", "dictionary"], 3000),
        ("switch_parquet", ["passages", "dictionary", "out"], 50),
        ("copy_parquet", ["passages", "out"], 50),
    ],
)
def test_every_work_tells_how_much_it_was(inputs, name, arguments, amount):
    done = measure(work(name, *(inputs[argument] for argument in arguments)))
    assert done.amount == amount and 0 < done.seconds < done.whole and done.peak_mb > 10


def test_both_ways_of_tokenizing_make_as_many_tokens(tmp_path):
    tokenizer = generate.write_tokenizer(tmp_path / "tokenizer", "train-news", 1000)
    arguments = generate.write_turns(tmp_path / "texts.parquet", "train-news", 2), tokenizer
    by_words, whole = (
        measure(work(f"tokenize_{way}", *arguments)) for way in ("by_words", "whole")
    )
    assert by_words.amount == whole.amount > 10_000


def test_a_row_has_what_readers_of_bench_json_expect(inputs, capsys):
    ours, peer = (lambda _: work("re_mining", inputs["page"], inputs["links"], "de"),) * 2
    row = compared("mining", "s", ours, peer, "itself", 1, growth=(1, 4), runs=1)
    assert json.loads(capsys.readouterr().out) == row
    assert row.keys() >= set("name unit ours peer peer_name ratio goal peak_rss_mb growth".split())
    assert len(row["growth"]) == len(row["peak_rss_mb"]) == 2 and row["ratio"] > 0
