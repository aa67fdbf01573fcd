"""Names of the user's in file names."""

from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clir import names
from clir.errors import InputError
from clir.experiment import load
from clir.results import run_name

DEMO = Path(__file__).parents[2] / "jobs" / "configs" / "from_scratch.yaml"


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_an_encoded_name_is_one_part_of_a_path_and_can_be_read_back(name):
    part = names.encoded(name)
    assert unquote(part) == name
    assert Path("a", part).parts == ("a", part) and not part.startswith((".", "_"))
    assert not set(part) & set("/\\*?[]{}~ \t\n:;,=#&$'\"<>|!^`")


def test_names_of_letters_stay_as_they_are():
    for name in ("social", "новости", "新闻", "news-2.0", "covid_qa"):
        assert names.encoded(name) == name
    assert names.encoded("../../x") == "%2E.%2F..%2Fx"
    assert names.encoded("a b") == "a%20b"


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=15))
def test_a_model_left_without_a_domain_stays_in_its_folder(domain):
    name = run_name("bi-encoder", "ml-cs", 1, domain)
    assert Path("models", name).parent == Path("models") and len(name.split()) == 1


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("evaluation.mlir={../x: [en, de]}", "evaluation.mlir.../x"),
        ("evaluation.mlir={'a/b': [en, de]}", "without slashes"),
        ("collections.test=['..']", "cannot name a file"),
        ("collections.test=[/]", "cannot name a file"),
        ("collections.test=[{name: '..', domain: news}]", "cannot name a file"),
        (r'collections.test=["a\nb"]', "control character"),
        (f"collections.test=[{'x' * 200}]", "longer than a file name"),
        (f"leave_out={{model: static, domain: {'x' * 200}}}", "longer than a file name"),
        (r'leave_out={model: static, domain: "a\0b"}', "control character"),
    ],
)
def test_names_that_can_be_no_file_s_are_refused_when_the_experiment_is_loaded(override, said):
    with pytest.raises(InputError) as error:
        load(DEMO, [override])
    assert said in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["te[s]t", "a{b,c}", "x*y?", "100% a=b,c:d#é", "news 2024"])
def test_odd_names_of_collections_are_taken(name):
    experiment = load(DEMO, [f"collections.test=['/data/{name}']"])
    assert experiment.collections.test[0].id == name
