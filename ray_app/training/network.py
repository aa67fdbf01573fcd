"""A model with its tokenizer and loss: a batch in, the loss out."""

import torch
from torch import nn
from transformers import AutoTokenizer, BatchEncoding

from ray_app.models import base_models
from ray_app.models.families import FAMILIES
from ray_app.training.batching import Batch
from ray_app.training.losses import LOSSES
from ray_app.training.runs import Run


class Network(nn.Module):
    """What an engine trains."""

    def __init__(self, run: Run):
        super().__init__()
        self.settings, self.family = run.model, FAMILIES[run.model.family]
        self.loss = LOSSES[run.model.learns_by.name]
        if run.base is not None:
            torch.manual_seed(run.seed)  # what the base lacks, such as a head, is drawn
            self.model, self.tokenizer = self.family.load(base_models.folder_on(run.base))
        else:
            assert run.tokenizer is not None
            self.tokenizer = AutoTokenizer.from_pretrained(run.tokenizer)
            self.model = self.family.create(run.model, self.tokenizer, run.seed)

    def forward(self, batch: Batch) -> torch.Tensor:
        texts = tuple(self._partly_hidden(tokens) for tokens in batch.texts)
        return self.loss(self.family.outputs(self.model, texts), batch, self.settings)

    def _partly_hidden(self, tokens: BatchEncoding) -> BatchEncoding:
        """Some tokens hidden: a text must be found by whatever part of it is left."""
        if not self.settings.token_dropout:
            return tokens
        mask = tokens["attention_mask"]
        draws = torch.rand(mask.shape).to(mask.device)  # on the CPU: every device draws alike
        kept = mask * (draws >= self.settings.token_dropout)
        tokens["attention_mask"] = torch.where(kept.sum(1, keepdim=True) > 0, kept, mask)
        return tokens
