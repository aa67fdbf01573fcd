"""A saved model ready to rank."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from transformers import BatchEncoding

from clir.families import FAMILIES as ROWS
from ray_app.models import precision
from ray_app.models.encoding import Encoder
from ray_app.models.families import FAMILIES
from ray_app.models.similarity import scores

_TOKENS = 1 << 18  # of pairs whose tokens' vectors are held at once, 400 MB where they are 384 wide


class Ranker:
    """Embeds texts or scores pairs of texts, in batches.

    ``asked``: how matrices are multiplied (``clir.experiment.types.Precision``).
    """

    def __init__(
        self, family: str, folder: Path, max_length: int, batch_size: int, asked: str = "fp32"
    ):
        self.family = FAMILIES[family]
        self.model, self.tokenizer = self.family.load(folder)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model.to(self.device).eval()
        self.together = ROWS[family].together
        self.bf16 = ROWS[family].layers and precision.is_bf16(asked, self.device)
        self.encode, self.batch_size = Encoder(self.tokenizer, max_length), batch_size

    def embed(self, texts: pa.Array) -> np.ndarray:
        """Vectors of length 1: texts x hidden size, float32."""
        return self._in_batches(lambda encode, part: (encode(part),), texts)

    def score(self, queries: pa.Array, passages: pa.Array) -> np.ndarray:
        """The score of each (query, passage); those of a query may well stand together."""
        if self.together:
            return self._in_batches(self.family.inputs, queries, passages)
        rows = max(1, _TOKENS // self.encode.max_length)
        parts = [slice(at, at + rows) for at in range(0, len(queries), rows)]
        return np.concatenate([self._compared(queries[part], passages[part]) for part in parts])

    @torch.inference_mode()
    def _compared(self, queries: pa.Array, passages: pa.Array) -> np.ndarray:
        """The scores of pairs, each text of which is read once, however many pairs it is in."""
        sides = [side.dictionary_encode() for side in (queries, passages)]
        vectors = [self._tokens_of(side.dictionary) for side in sides]
        which = [torch.tensor(side.indices.to_pylist()) for side in sides]
        found = []
        for some in zip(*(rows.split(self.batch_size) for rows in which), strict=True):
            pairs = (side[rows].to(self.device) for side, rows in zip(vectors, some, strict=True))
            found.append(scores(tuple(pairs)).cpu().numpy())
        return np.concatenate(found)

    def _tokens_of(self, texts: pa.Array) -> torch.Tensor:
        """Vectors of the tokens of texts: texts x tokens x size, on the CPU."""
        parts = self._outputs_in_batches(lambda encode, part: (encode(part),), texts)
        width = max(part.shape[1] for part, _ in parts)
        whole = torch.zeros(len(texts), width, parts[0][0].shape[2])
        for part, places in parts:
            whole[places, : part.shape[1]] = part
        return whole

    @torch.inference_mode()
    def _in_batches(
        self, inputs: Callable[..., tuple[BatchEncoding, ...]], *sides: pa.Array
    ) -> np.ndarray:
        """What the model gives, of one side or of pairs together, in the order of the texts."""
        parts = self._outputs_in_batches(inputs, *sides)
        joined = np.concatenate([part.numpy() for part, _ in parts])
        restored = np.empty_like(joined)
        restored[np.concatenate([places for _, places in parts])] = joined
        return restored

    def _outputs_in_batches(
        self, inputs: Callable[..., tuple[BatchEncoding, ...]], *sides: pa.Array
    ) -> list[tuple[torch.Tensor, np.ndarray]]:
        """What the model gives, batch by batch, on the CPU; and where each row belongs."""
        # Texts of like length together waste little on padding.
        order = np.argsort(-sum(np.asarray(pc.utf8_length(side)) for side in sides), kind="stable")
        found = []
        for at in range(0, len(order), self.batch_size):
            places = order[at : at + self.batch_size]
            read = inputs(self.encode, *(side.take(pa.array(places)) for side in sides))
            on_device = tuple(tokens.to(self.device) for tokens in read)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
                (output,) = self.family.outputs(self.model, on_device)
            found.append((output.float().cpu(), places))
        return found
