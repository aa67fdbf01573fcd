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
        self.bf16 = ROWS[family].layers and precision.is_bf16(asked, self.device)
        self.encode, self.batch_size = Encoder(self.tokenizer, max_length), batch_size

    def embed(self, texts: pa.Array) -> np.ndarray:
        """Vectors of length 1: texts x hidden size, float32."""
        return self._in_batches(lambda encode, part: (encode(part),), texts)

    def score(self, queries: pa.Array, passages: pa.Array) -> np.ndarray:
        """The score of each (query, passage)."""
        return self._in_batches(self.family.inputs, queries, passages)

    @torch.inference_mode()
    def _in_batches(
        self, inputs: Callable[..., tuple[BatchEncoding, ...]], *sides: pa.Array
    ) -> np.ndarray:
        # Texts of like length together waste little on padding; results go back in order.
        order = np.argsort(-sum(np.asarray(pc.utf8_length(side)) for side in sides), kind="stable")
        found: list[np.ndarray] = []
        for at in range(0, len(order), self.batch_size):
            part = pa.array(order[at : at + self.batch_size])
            read = inputs(self.encode, *(side.take(part) for side in sides))
            on_device = tuple(tokens.to(self.device) for tokens in read)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
                outputs = self.family.outputs(self.model, on_device)
            # Those of one side are its vectors.
            compared = scores(tuple(output.float() for output in outputs))
            found.append(compared.cpu().numpy())
        joined = np.concatenate(found)
        restored = np.empty_like(joined)
        restored[order] = joined
        return restored
