import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clir.errors import InputError
from clir.experiment import VectorTraining
from clir.lexicons import vector_training, word_vectors
from clir.text.words import buffer_of, find_words

NO_TERMS = pa.array([], pa.string())


def spelled(text: str, lang: str = "en", terms: tuple[str, ...] = ()) -> list[str]:
    finder = vector_training.term_finder(pa.array(terms, pa.string()), lang)
    return vector_training.running_words(pa.array([text]), lang, finder).decode().split()


def test_texts_are_written_as_the_words_that_lexicons_find():
    assert spelled("“Don’t stop”: the DOG's 2nd well-known Äpfel_!") == (
        ["don’t", "stop", "the", "dog's", "2nd", "well", "known", "äpfel"]
    )
    assert spelled("Ve\u0301lo ｖéｌｏ ve\u00adlo") == ["vélo", "vélo", "velo"]


def test_known_terms_of_several_characters_or_syllables_are_one_word():
    terms = ("東京", "東京都", "都に", "Máy tính", "乔治·华盛顿", "犬")
    assert spelled("私は東京都に住む。", "ja") == list("私は東京都に住む")
    assert spelled("私は東京都に住む。", "ja", terms) == ["私", "は", "東京都", "に", "住", "む"]
    assert spelled("Cái máy tính mới, máy  tính", "vi", terms) == (
        ["cái", "máy_tính", "mới", "máy_tính"]
    )
    assert spelled("见乔治·华盛顿犬", "zh", terms) == ["见", "乔治·华盛顿", "犬"]


@given(
    st.lists(st.text("aB é東京都한-'’ ", max_size=20), max_size=5), st.text("東京都", max_size=3)
)
def test_every_word_is_written_once_and_every_text_on_a_line_of_its_own(texts, term):
    array = pa.array(texts, pa.string())
    buffer = buffer_of(array)
    words = find_words(buffer, "ja")
    expected = [[] for _ in texts]
    for start, end, text in zip(words.start, words.end, words.text, strict=True):
        expected[text].append(buffer.data[start:end].tobytes().decode().lower())
    lines = vector_training.running_words(array, "ja").decode().split("\n")
    assert lines.pop() == ""
    assert [line.split() for line in lines] == expected
    finder = vector_training.term_finder(pa.array([term]), "ja")
    joined = vector_training.running_words(array, "ja", finder).decode()
    assert ["".join(line.split()) for line in joined.split("\n")[:-1]] == (
        ["".join(line) for line in expected]
    )


def read(path, lang="de"):
    batches = list(vector_training.read_texts(path, lang))
    return [text for batch in batches for text in batch.to_pylist()]


def test_texts_come_from_files_folders_and_tables(tmp_path):
    folder = tmp_path / "texts"
    (folder / "more").mkdir(parents=True)
    (folder / "a.txt").write_bytes(b"\xef\xbb\xbfeins\r\n\n \nzwei\n")
    (folder / "more" / "b.gz").write_bytes(gzip.compress(b"drei"))
    (folder / ".b.crc").write_bytes(b"\xff")
    (folder / "_SUCCESS").write_bytes(b"\xff")
    table = pa.table({"id": [1, 2, 3], "lang": ["de", "en", "de"], "text": ["vier", "five", None]})
    pq.write_table(table, folder / "z.parquet")
    assert read(folder) == ["eins", "zwei", "drei", "vier"]
    pq.write_table(table.drop(["lang"]), folder / "z.parquet")
    assert read(folder / "z.parquet") == ["vier", "five"]


def test_mistakes_in_texts_name_the_place(tmp_path):
    pq.write_table(pa.table({"body": ["eins"]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a.parquet: column text is missing"):
        read(tmp_path / "a.parquet")
    with pytest.raises(InputError, match="nowhere: no such file"):
        read(tmp_path / "nowhere")


def test_training_repeats_to_the_bit(fasttext, tmp_path):
    (tmp_path / "texts").write_text(
        "Die Katze schläft, der Hund nicht.\nEin Hund bellt: wau\n" * 99
    )
    settings = VectorTraining(dimensions=7, epochs=2, buckets=300)
    written = []
    for name in ("a.vec", "b.vec"):
        counts = vector_training.train(
            [tmp_path / "texts"], "de", NO_TERMS, settings, 5, tmp_path / name
        )
        assert counts == {"texts": 198, "vectors": 5}
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]
    vectors = word_vectors.read_vec(tmp_path / "a.vec", 5)
    assert vectors.words[0].as_py() == "hund" and vectors.matrix.shape == (5, 7)
    assert len(word_vectors.normalised(vectors.matrix)) == 5


def test_terms_have_vectors_under_their_own_names(fasttext, tmp_path):
    (tmp_path / "texts").write_text("我买电脑。\n一台 New York 电脑\n" * 30)
    terms = pa.array(["电脑", "New York"])
    settings = VectorTraining(dimensions=5, epochs=1, buckets=300)
    vector_training.train([tmp_path / "texts"], "zh", terms, settings, 9, tmp_path / "zh.vec")
    words = word_vectors.read_vec(tmp_path / "zh.vec", 9).words.to_pylist()
    assert words[0] == "电脑" and sorted(words) == sorted(["电脑", "new york", *"我买一台"])


def test_too_few_texts_name_the_language(fasttext, tmp_path):
    (tmp_path / "texts").write_text("Ein Hund\n")
    with pytest.raises(InputError, match=r"vector_texts.de: .*Empty vocabulary") as error:
        vector_training.train(
            [tmp_path / "texts"], "de", NO_TERMS, VectorTraining(), 9, tmp_path / "de.vec"
        )
    assert "\n" not in str(error.value)
