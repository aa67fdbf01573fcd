"""Batches of pairs, switched."""

import pyarrow as pa

from clir import tables
from clir.lexicons.entries import entry_table, ranked
from clir.switching.pairs import switch_pairs
from clir.switching.plans import Plan
from clir.switching.switcher import Switcher


def test_what_is_no_text_of_a_pair_stays_as_it_was(tmp_path):
    entries = ranked(entry_table("en", "de", ["dog"], ["Hund"]))
    Switcher(entries, ["de"]).save(tmp_path / "de")
    text = {"query": "which dog", "passage": "a dog"}
    named = {name: "en" if name.endswith("lang") else name for name in tables.PAIRS.names}
    pair = named | text | {"label": 0}
    rows = [pair | {"score": 0.25}, pair | {"score": None}]
    batch = pa.RecordBatch.from_pylist(rows, tables.PAIRS)
    chosen = Plan("bl-cs", ("de",), (), 1.0, ("dictionary",), False, 1)
    done = switch_pairs(batch, chosen, str(tmp_path), seed=1).select(tables.PAIRS.names)
    assert done.to_pylist() == [row | {"query": "which Hund"} for row in rows]


def test_some_pairs_stay_english_on_both_sides(tmp_path):
    entries = ranked(entry_table("en", "de", ["dog"], ["Hund"]))
    Switcher(entries, ["de"]).save(tmp_path / "de")
    named = {name: "en" if name.endswith("lang") else name for name in tables.PAIRS.names}
    pair = named | {"query": "which dog", "passage": "a dog", "label": 1, "score": None}
    rows = [pair | {"pair_id": str(n)} for n in range(400)]
    batch = pa.RecordBatch.from_pylist(rows, tables.PAIRS)
    chosen = Plan("ml-cs", ("de",), ("de",), 1.0, ("dictionary",), False, 1, english_share=0.25)
    done = switch_pairs(batch, chosen, str(tmp_path), seed=1).to_pylist()
    kinds = {(row["query"], row["passage"]) for row in done}
    assert kinds == {("which dog", "a dog"), ("which Hund", "a Hund")}
    english = [row["pair_id"] for row in done if row["query"] == "which dog"]
    assert 70 < len(english) < 130
    for row in done:  # rates tell what was done
        assert row["query_switched"] == sum(row["passage_by_language"]) == ("Hund" in row["query"])
    other = switch_pairs(batch, chosen, str(tmp_path), seed=2).to_pylist()
    assert english != [row["pair_id"] for row in other if row["query"] == "which dog"]
