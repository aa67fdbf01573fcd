import pyarrow as pa

from clir.words import buffer_of, find_words, hash_texts


def words_of(text):
    found = find_words(buffer_of(pa.array([text])))
    data = text.encode()
    return [data[s:e].decode() for s, e in zip(found.start, found.end, strict=True)]


def test_words_of_many_scripts():
    assert words_of("Don't stop: the “café’s” 2nd mother-in-law!") == [
        "Don't", "stop", "the", "café’s", "2nd", "mother", "in", "law",
    ]  # fmt: skip
    assert words_of("भारत की नदियाँ") == ["भारत", "की", "नदियाँ"]
    assert words_of("дом—дерево") == ["дом", "дерево"]
    assert words_of("我吃 sushi寿司") == ["我", "吃", "sushi", "寿", "司"]
    assert words_of("'' ' …") == []


def test_hashes_ignore_case_in_every_script_and_nothing_else():
    upper, lower, other = hash_texts(pa.array(["ÄRGER Дом", "ärger дом", "arger дом"]))
    assert upper == lower != other


def test_a_word_ends_with_its_text():
    found = find_words(buffer_of(pa.array(["ab", "cd", "", "e"])))
    assert list(found.text) == [0, 1, 3] and list(found.position) == [0, 0, 0]


def test_slices_of_arrays():
    whole = pa.array(["dog", "cat", "bird"])
    assert list(hash_texts(whole.slice(1))) == list(hash_texts(whole)[1:])
