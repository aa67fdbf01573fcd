import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clir import word_vectors
from clir.errors import InputError


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
        np.testing.assert_allclose(vectors.matrix, [[1, 0], [0.5, -0.01]], rtol=1e-6)


def test_mistakes_in_vectors_name_the_line(tmp_path):
    path = tmp_path / "x.vec"
    for text, message in [
        ("the 1 0\n", "x.vec:1: expected `WORDS DIMENSIONS`"),
        ("2 2\nthe 1 0\na 1\n", "x.vec:3: 1 numbers, expected 2"),
        ("2 2\nthe 1 x\n", "x.vec:2: not a word"),
        ("0 2\n", "no vectors"),
    ]:
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            word_vectors.read_vec(path, 10)
    cut = tmp_path / "cut.vec.gz"
    cut.write_bytes(gzip.compress(b"9 1\n" + b"a 1\n" * 9)[:-9])
    with pytest.raises(InputError, match="truncated"):
        word_vectors.read_vec(cut, 10)


def test_procrustes_finds_a_rotation():
    source = np.random.default_rng(1).normal(size=(50, 6))
    turn = rotation(6)
    np.testing.assert_allclose(word_vectors.procrustes(source, source @ turn), turn, atol=1e-9)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 12), st.integers(0, 99))
def test_csls_as_by_hand_whatever_the_blocks(queries, keys, count, seed):
    draw = np.random.default_rng(seed)
    x, y = (word_vectors.normalised(draw.normal(size=(n, 5))) for n in (queries + 1, keys + 1))
    cosine = x @ y.T
    r_x = np.sort(cosine, axis=1)[:, -10:].mean(axis=1)
    r_y = np.sort(cosine.T, axis=1)[:, -10:].mean(axis=1)
    expected = 2 * cosine - r_x[:, None] - r_y
    before = word_vectors._ROWS, word_vectors._KEYS
    word_vectors._ROWS, word_vectors._KEYS = 7, 11
    try:
        np.testing.assert_allclose(word_vectors.nearness(y, x), r_y, atol=1e-5)
        found, scores = word_vectors.csls(x, y, word_vectors.nearness(x, y), r_y, count)
    finally:
        word_vectors._ROWS, word_vectors._KEYS = before
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
