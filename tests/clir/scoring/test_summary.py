import pandas as pd
import pytest

from clir import tables
from clir.scoring.summary import summarise


def test_summary_averages_seeds_and_pairs_before_it_tests():
    rows = []
    for method, gain in (("zero-shot", 0.0), ("ml-cs", 0.1)):
        for seed in (1, 2):
            for langs in (("en", "de"), ("de", "en")):
                for query in range(6):
                    noise = 0.02 * (query % 3) + (0.05 if seed == 1 else -0.05)
                    value = 0.3 + gain * (1 + query % 2) + noise
                    flawed = query == 5 or (query == 0 and langs == ("en", "de"))
                    rows.append(("m", method, "", seed, "c", "news", "CLIR", *langs, 1, 0,
                                 f"q{query}", flawed, "MRR@10", value))  # fmt: skip
    found = pd.DataFrame(summarise(pd.DataFrame(rows, columns=tables.MEASURES.names)))
    mean = found[(found["query_lang"] == "all") & (found["domain"] == "all")].set_index("method")
    assert mean.loc["ml-cs", "value"] == pytest.approx(0.3 + 0.15 + 0.02)
    assert mean.loc["ml-cs", "zero_shot_value"] == pytest.approx(0.32)
    assert mean.loc["ml-cs", "queries"] == 6
    assert 0 < mean.loc["ml-cs", "p_value"] < 0.01
    # One test of the mean; the pairs are a family of their own, of two tests.
    assert mean.loc["ml-cs", "p_bonferroni"] == mean.loc["ml-cs", "p_value"]
    pair = found[(found["query_lang"] == "en") & (found["domain"] == "all")].set_index("method")
    assert pair.loc["ml-cs", "p_bonferroni"] == pytest.approx(2 * pair.loc["ml-cs", "p_value"])
    assert pd.isna(pair.loc["zero-shot", "p_value"])
    # Without failed translations: query 5 is gone, of query 0 one pair is left.
    assert list(mean["masked_queries"]) == [5, 5] and list(pair["masked_queries"]) == [4, 4]
    assert mean.loc["zero-shot", "masked_value"] == pytest.approx(0.3 + 0.02 * 4 / 5)
    assert pair.loc["zero-shot", "masked_value"] == pytest.approx(0.3 + 0.02 * 4 / 4)
