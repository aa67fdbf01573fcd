import gzip
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clir.errors import InputError
from clir.lexicons import word_vectors


def rotation(dimensions, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(dimensions, dimensions)))[0]


def test_text_vectors_are_read_up_to_the_limit(tmp_path):
    text = "3 2\nthe 1 0\nnew york 0.5 -1e-2 \n— 0 1\n"
    plain, packed = tmp_path / "x.vec", tmp_path / "x.vec.gz"
    plain.write_text(text)
    packed.write_bytes(gzip.compress(text.encode()))
    for path in (plain, packed):
        vectors = word_vectors.read_vec(path, limit=2)
        assert vectors.words.to_pylist() == ["the", "new york"]
        np.testing.assert_array_equal(vectors.matrix, np.float32([[1, 0], [0.5, -0.01]]))


def test_mistakes_in_vectors_name_the_line(tmp_path):
    path = tmp_path / "x.vec"
    for text, message in [
        ("the 1 0\n", "x.vec:1: expected `WORDS DIMENSIONS`"),
        ("2 2\nthe 1 0\na 1\n", "x.vec:3: 1 numbers, expected 2"),
        ("2 2\nthe 1 x\n", "x.vec:2: not a word"),
        ("0 2\n", "no vectors"),
        ("3 0\nthe\n", "x.vec:1: expected `WORDS DIMENSIONS`"),
        ("the 0.1 0.2 0.3\na 0.1 0.2 0.3\n", r"x.vec:1: .*GloVe's files have no such line"),
        ("2 2\nthe 0,5 0,1\n", "x.vec:2: not a word"),
        ("2 2\nthe 0.5 0.1 0.7\n", "x.vec:2: more numbers than the 2 of the first line"),
        ("2 3\nthe 0.5 0.1\n", "x.vec:2: 2 numbers, expected 3"),
        ("3 2\nthe 1 0\na 0 1\n", "x.vec: 2 vectors, its first line says 3; fetch it"),
    ]:
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            word_vectors.read_vec(path, 10)
    cut = tmp_path / "cut.vec.gz"
    cut.write_bytes(gzip.compress(b"9 1\n" + b"a 1\n" * 9)[:-9])
    with pytest.raises(InputError, match=r"cut.vec.gz: cannot be read to its end"):
        word_vectors.read_vec(cut, 10)


@pytest.mark.parametrize("name", ["x.vec", "x.vec.gz"])
def test_what_is_no_word_or_no_direction_is_dropped_and_counted(tmp_path, name):
    lines = [
        b"\xef\xbb\xbf16 2",
        b"sun 0.1 0.2",
        b"moon nan 0.3",
        b"star 0.5 inf",
        b"sea -1.#IND 0.1",
        b"wind -nan(ind) 1e999",
        b"sky 1e30 1e30",  # its length is infinite
        b"caf\xc3 1 2",
        b"\xe3\x81 1 2",
        "caf\ufffd 1 2".encode(),
        b"earth 0 -0.0",
        b"sun 3 4",
        b"rain 0.1 0.2 0.3",
        "new\u00a0york 1 2\r".encode(),
        b"",
        "ice\u2028\x85cream 1 -2".encode(),
        b"</s> 1 1",
        b"1984 1 1",
        b" 2 2",
    ]
    content = b"\n".join(lines) + b"\n"
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    vectors = word_vectors.of_words(word_vectors.read_vec(path, 100))
    assert vectors.words.to_pylist() == ["sun", "new\u00a0york", "ice\u2028\x85cream"]
    np.testing.assert_allclose(vectors.matrix, [[0.1, 0.2], [1, 2], [1, -2]], rtol=1e-6)
    assert vectors.dropped == {
        "not finite": 5, "not UTF-8": 3, "zero": 1, "repeated": 1,
        "more numbers than dimensions": 1, "no word": 3,
    }  # fmt: skip
    assert np.isfinite(word_vectors.normalised(vectors.matrix)).all()


numbers = st.floats(width=32) | st.sampled_from([0.0, float("nan"), float("-inf")])


@given(st.lists(st.tuples(st.sampled_from("abcdé"), numbers, numbers), min_size=1, max_size=9))
def test_every_vector_is_finite_or_dropped(rows):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.vec"
        lines = [f"{word} {x!r} {y!r}\n" for word, x, y in rows]
        path.write_text(f"{len(rows)} 2\n" + "".join(lines))
        vectors = word_vectors.read_vec(path, 100)
    assert len(vectors.words) + vectors.dropped.total() == len(rows)
    lengths = np.linalg.norm(vectors.matrix, axis=1)
    assert np.isfinite(lengths).all() and (lengths > 0).all()


@pytest.fixture(scope="module")
def model(fasttext, tmp_path_factory):
    """A fastText model and its .bin; with ten threads the package fills all of its matrix."""
    folder = tmp_path_factory.mktemp("model")
    lines = [f"der hund {n % 7} und die katze schliefen im körbchen {n % 3}" for n in range(300)]
    (folder / "texts").write_text("\n".join(lines))
    trained = fasttext.train_unsupervised(
        str(folder / "texts"), dim=10, bucket=500, minCount=1, epoch=1, thread=10, verbose=0
    )
    trained.save_model(str(folder / "model.bin"))
    return trained, folder / "model.bin"


def test_a_models_vectors_are_those_of_words_with_their_subwords(model):
    trained, path = model
    vectors = word_vectors.read_bin(path, limit=9)
    words = vectors.words.to_pylist()
    assert words == trained.get_words()[:9] and "hund" in words
    for word, row in zip(words, vectors.matrix, strict=True):
        np.testing.assert_array_equal(row, trained.get_word_vector(word))
    alone = trained.get_input_vector(trained.get_word_id("hund"))
    assert not np.allclose(vectors.matrix[words.index("hund")], alone)
    assert len(word_vectors.read_bin(path, limit=10**6).words) == len(trained.get_words())


def test_cut_words_and_broken_numbers_of_a_model_are_dropped_and_counted(fasttext, tmp_path):
    (tmp_path / "texts").write_bytes(b"hund katze caf\xc3 maus \xe3\x81 hund katze hund\n" * 50)
    settings = {"dim": 10, "bucket": 500, "minCount": 1, "epoch": 1, "thread": 10, "verbose": 0}
    fasttext.train_unsupervised(str(tmp_path / "texts"), **settings).save_model(
        str(tmp_path / "model.bin")
    )
    whole = word_vectors.read_bin(tmp_path / "model.bin", 100)
    assert whole.words.to_pylist()[:2] == ["hund", "katze"]
    assert sorted(whole.words.to_pylist()) == ["</s>", "hund", "katze", "maus"]
    assert whole.dropped == {"not UTF-8": 2}
    words = len(whole.words) + 2
    data = bytearray((tmp_path / "model.bin").read_bytes())
    katze = len(data) - 4 * 10 * words - 17 - 4 * 10 * (words + 500) + 4 * 10
    data[katze : katze + 4] = np.array([np.nan], "<f4").tobytes()
    (tmp_path / "model.bin").write_bytes(data)
    broken = word_vectors.of_words(word_vectors.read_bin(tmp_path / "model.bin", 100))
    assert sorted(broken.words.to_pylist()) == ["hund", "maus"]
    assert broken.dropped == {"not UTF-8": 2, "not finite": 1, "no word": 1}


def test_models_that_are_cut_or_none_are_refused(model, tmp_path):
    """Wherever they are cut; fasttext itself would read on for ever."""
    whole = model[1].read_bytes()
    for size in (0, 3, 50, 70, 100, 120, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.bin").write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"cut.bin: .*fetch it again"):
            word_vectors.read_bin(tmp_path / "cut.bin", 10)
    (tmp_path / "longer.bin").write_bytes(whole + b"x")
    with pytest.raises(InputError, match=r"longer.bin: .* bytes, expected"):
        word_vectors.read_bin(tmp_path / "longer.bin", 10)
    (tmp_path / "other.bin").write_bytes(b"x" * 1000)
    with pytest.raises(InputError, match=r"other.bin: no fastText model"):
        word_vectors.read_bin(tmp_path / "other.bin", 10)
    with pytest.raises(InputError, match=r"none.bin: no such vectors"):
        word_vectors.read_bin(tmp_path / "none.bin", 10)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 12), st.integers(0, 99))
def test_csls_as_by_hand_whatever_the_blocks(queries, keys, count, seed):
    draw = np.random.default_rng(seed)
    x, y = (word_vectors.normalised(draw.normal(size=(n, 5))) for n in (queries + 1, keys + 1))
    cosine = x @ y.T
    r_x = np.sort(cosine, axis=1)[:, -10:].mean(axis=1)
    r_y = np.sort(cosine.T, axis=1)[:, -10:].mean(axis=1)
    expected = 2 * cosine - r_x[:, None] - r_y
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word_vectors, "ROWS", 7)
        patch.setattr(word_vectors, "KEYS", 11)
        np.testing.assert_allclose(word_vectors.nearness(y, x), r_y, atol=1e-5)
        found, scores = word_vectors.csls(x, y, word_vectors.nearness(x, y), r_y, count)
    best = -np.sort(-expected, axis=1)[:, :count]
    np.testing.assert_allclose(scores, best, atol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(expected, found, 1), best, atol=1e-5)


def test_few_seeds_align_what_noise_and_rotation_hid():
    draw = np.random.default_rng(2)
    source = word_vectors.normalised(draw.normal(size=(2000, 20)) * np.linspace(3, 0.3, 20))
    shuffled = draw.permutation(2000)
    target = word_vectors.normalised(
        (source @ rotation(20) + draw.normal(size=source.shape) * 0.02)[shuffled]
    )
    truth = np.argsort(shuffled)
    seeds = np.stack([np.arange(25), truth[:25]], axis=1)

    def precision(mapping):
        mapped = source @ mapping
        near = word_vectors.nearness(mapped, target), word_vectors.nearness(target, mapped)
        found = word_vectors.csls(mapped, target, *near, 1)[0]
        return (found[:, 0] == truth).mean()

    rough = precision(word_vectors.align(source, target, seeds, rounds=0))
    refined = precision(word_vectors.align(source, target, seeds))
    assert refined > 0.95 and refined >= rough
    with pytest.raises(InputError, match="no seed pair"):
        word_vectors.align(source, target, np.empty((0, 2), int))
