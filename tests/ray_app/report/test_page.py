"""Templates of sections, from values made by hand."""

from types import SimpleNamespace

import pytest

from ray_app.report.page import OF_EACH_MODEL, OF_THE_EXPERIMENT, render

CELL = {"text": "0.500*", "tone": "up", "title": "9 queries"}
LINE = {"method": "ml-cs", "domain": "news", "cells": [CELL]}
CARD = {
    "lexicon": "words", "target_lang": "de", "entries": 1234, "terms": 1000, "copies": 0.25,
    "never_found": 7, "target_words": 1.5, "type_coverage": 0.5, "token_coverage": 0.75,
    "switch_rate": {"0.5": 0.3, "1.0": 0.6}, "copy_rate": {"1.0": 0.1},
    "agreement": {"titles": 0.4, "vectors": None}, "examples": [["dog", "Hund"], ["cat", "Katze"]],
}  # fmt: skip
SHOWN = [  # a template, its values, and some of what it makes of them
    ("methods.html", {"conditions": ["CLIR"], "tables": {"MAP": [LINE]}},
     ["<h3>MAP</h3>", "<th>CLIR</th>", '<td class="up" title="9 queries">0.500*</td>']),
    ("heat_maps.html", {"measure": "MAP", "maps": {"ml-cs": "<svg></svg>"}},
     ["MAP × 100", "<figcaption>ml-cs</figcaption><svg></svg>"]),
    ("domain_gains.html", {"measure": "MAP", "conditions": ["CLIR"], "lines": [LINE]},
     ["by domain: MAP", '<td>news</td><td class="left">ml-cs</td>', ">0.500*</td>"]),
    ("masked_means.html", {"measure": "MAP", "conditions": ["MoIR", "CLIR"],
                           "lines": {"ml-cs": [None, (0.5, 0.6251)]}},
     ["without: MAP", "<td>ml-cs</td><td></td><td>0.500 / 0.625</td>"]),
    ("left_out.html", {"domain": "so<cial", "measures": ["MAP"],
                       "lines": [{"method": "ml-cs", "condition": "CLIR", "cells": [0.5, 0.25]}]},
     ["without so&lt;cial", "<th>MAP with</th><th>MAP without</th>",
      "<td>0.500</td><td>0.250</td>"]),
    ("lexicon_card.html", {"cards": [CARD], "languages": {"de": SimpleNamespace(name="German")}},
     [">German<", "<td>1,234</td>", "<td>25.0 %</td>", "<td>30.0 %</td><td>60.0 %</td>",
      ">40 % with titles<", ">dog → Hund, cat → Katze<"]),
    ("flawed_translations.html", {"lines": [{"collection": "c", "language": "German",
                                             "flaws": {"truncated": 1200, "script": 3}}]},
     ["<td>c</td>", ">truncated 1,200, script 3<"]),
    ("stage_times.html", {"lines": [{"stage": "titles", "seconds": 1.26, "counts": "9 rows"}]},
     ["<td>titles</td><td>1.3</td>", ">9 rows<"]),
    ("settings.html", {"yaml": "name: a < b"}, ["<pre>name: a &lt; b</pre>"]),
]  # fmt: skip


@pytest.mark.parametrize(("template", "values", "texts"), SHOWN)
def test_a_section_shows_its_values(template, values, texts):
    page = render(template, values)
    assert [text for text in texts if text not in page] == []


def test_every_section_of_the_page_is_tested_here():
    assert [template for template, _, _ in SHOWN] == [*OF_EACH_MODEL, *OF_THE_EXPERIMENT]
