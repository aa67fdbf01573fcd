"""What sections show of a small summary."""

from pathlib import Path

import pandas as pd
import pytest

from clir import experiment, tables
from clir.scoring.measures import MEASURES
from clir.scoring.summary import summarise
from ray_app.report import domain_gains, heat_maps, left_out, masked_means, methods, rows

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def demo():
    return experiment.load(ROOT / "jobs/configs/from_scratch.yaml", [])


def summary(*told, measures=(rows.SHOWN,)):
    """Of (method, domain left out, condition, query_lang, doc_lang, values of its queries).

    The first query's domain is news, that of the others social; negative values are flawed.
    """
    found = []
    for method, without, condition, query_lang, doc_lang, values in told:
        for number, value in enumerate(values):
            domain = "social" if number else "news"
            found += [("static", method, without, 1, "c", domain, condition, query_lang, doc_lang,
                       1, 0, f"q{number}", value < 0, measure, abs(value))
                      for measure in measures]  # fmt: skip
    return rows.frame(summarise(pd.DataFrame(found, columns=tables.MEASURES.names)))


BOTH = summary(
    ("ml-cs", "", "CLIR", "en", "de", [0.5, 0.4, 0.6, 0.5]),
    ("zero-shot", "", "CLIR", "en", "de", [0.2, 0.1, 0.2, 0.1]),
    ("zero-shot", "", "MoIR", "en", "en", [0.9, 0.9, 0.9, 0.9]),
)


def test_methods_and_conditions_stand_in_one_order_whatever_that_of_the_rows(demo):
    shown = methods.section(demo, BOTH)
    assert shown["conditions"] == ["MoIR", "CLIR"] and list(shown["tables"]) == list(MEASURES)
    zero_shot, ml_cs = shown["tables"][rows.SHOWN]
    assert (zero_shot["method"], ml_cs["method"]) == ("zero-shot", "ml-cs")
    assert [cell["text"] for cell in zero_shot["cells"]] == ["0.900", "0.150"]
    assert [cell["text"] for cell in ml_cs["cells"]] == ["", "0.500*"]
    assert ml_cs["cells"][1]["tone"] == "up"
    assert ml_cs["cells"][1]["title"].startswith("4 queries; +0.350 against zero-shot, p 0.0")


def test_gains_by_domain(demo):
    lines = domain_gains.section(demo, BOTH)["lines"]
    assert [(line["domain"], line["cells"][1]["text"]) for line in lines] == [
        ("all", "+0.350*"),
        ("news", "+0.300"),
        ("social", "+0.367*"),
    ]


def test_without_zero_shot_there_are_values_but_no_gains(demo):
    alone = summary(("ml-cs", "", "CLIR", "en", "de", [0.5, 0.25]))
    (line,) = methods.section(demo, alone)["tables"][rows.SHOWN]
    assert line["cells"] == [{"text": "0.375", "tone": "", "title": "2 queries"}]
    assert domain_gains.section(demo, alone) is None


def test_a_map_has_the_languages_that_were_ranked(demo):
    told = [("zero-shot", "", "CLIR", "en", lang, [0.5]) for lang in ("fa", "ru", "zh")]
    drawn = ("zero-shot", "", "MLIR-en-xx", "en", "xx-14-1", [0.5])
    maps = heat_maps.section(demo, summary(*told, drawn))["maps"]
    assert list(maps) == ["zero-shot"]
    shown = [
        lang for lang in ("en", "ru", "zh", "xx-14-1", "fa") if f">{lang}<" in maps["zero-shot"]
    ]
    assert shown == ["en", "ru", "zh", "fa"]


def test_means_with_and_without_failed_translations(demo):
    assert masked_means.section(demo, BOTH) is None
    some = summary(
        ("ml-cs", "", "CLIR", "en", "de", [0.5, -0.1]),
        ("ml-cs", "", "MoIR", "en", "en", [-0.5]),  # all failed
    )
    shown = masked_means.section(demo, some)
    assert shown["conditions"] == ["MoIR", "CLIR"]
    assert shown["lines"] == {"ml-cs": [None, pytest.approx((0.3, 0.5))]}


def test_a_domain_left_out_is_compared_on_that_domain(demo):
    assert demo.leave_out.domain == "social" and left_out.section(demo, BOTH) is None
    told = summary(
        ("ml-cs", "", "CLIR", "en", "de", [0.9, 0.5, 0.7]),
        ("ml-cs", "social", "CLIR", "en", "de", [0.9, 0.2, 0.4]),
        measures=left_out.MEASURES,
    )
    (line,) = left_out.section(demo, told)["lines"]
    assert (line["method"], line["condition"]) == ("ml-cs", "CLIR")
    assert line["cells"] == pytest.approx([0.6, 0.3] * 2)


def test_gains_are_in_the_order_of_the_methods(demo):
    told = [(name, "", "CLIR", "en", "de", [value, value])
            for name, value in (("wiki-cs", 0.3), ("bl-cs", 0.2), ("translate-test", 0.4),
                                ("zero-shot", 0.1))]  # fmt: skip
    lines = domain_gains.section(demo, summary(*told))["lines"]
    order = [line["method"] for line in lines if line["domain"] == "all"]
    assert order == ["translate-test", "bl-cs", "wiki-cs"]
