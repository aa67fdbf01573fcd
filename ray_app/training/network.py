"""A model with its tokenizer and loss: a batch in, the loss out.

Matrices are multiplied in bf16 where that is asked for or faster; weights, what comes out of a
model and losses are in fp32.
"""

from typing import Any

import torch
from torch import nn
from transformers import AutoTokenizer, BatchEncoding, PreTrainedTokenizerBase

from clir.switching.methods import METHODS
from ray_app.models import base_models, precision, pretrained
from ray_app.models.families import FAMILIES
from ray_app.training import peak
from ray_app.training.batching import Batch
from ray_app.training.losses import LOSSES, distillation, mixed
from ray_app.training.runs import Run


class Network(nn.Module):
    """What an engine trains."""

    def __init__(self, run: Run):
        super().__init__()
        self.settings, self.family = run.model, FAMILIES[run.model.family]
        self.loss = LOSSES[run.model.learns_by.name]
        self.precision = run.training.precision
        self.teacher: tuple[nn.Module, ...] = ()
        self.model: Any
        if run.base is not None:
            self.model, self.tokenizer = self._from_base(run)
            if run.model.freeze:
                self.model.get_input_embeddings().requires_grad_(False)
            if run.model.train_layers:
                pretrained.freeze_but_last(self.model, run.model.train_layers)
            if METHODS[run.method].learns_from == "itself":
                # In a tuple, as it is no part of what is trained and saved.
                self.teacher = (self._from_base(run)[0].eval(),)
            self.model.train(run.model.dropout and not self.teacher)
        else:
            assert run.tokenizer is not None
            self.tokenizer = AutoTokenizer.from_pretrained(run.tokenizer)
            self.model = self.family.create(run.model, self.tokenizer, run.seed)
        if run.training.recompute and run.model.kind.layers:
            pretrained.recompute(self.model)

    def _from_base(self, run: Run) -> tuple[nn.Module, PreTrainedTokenizerBase]:
        assert run.base is not None
        torch.manual_seed(run.seed)  # what the base lacks, such as a head, is drawn
        return self.family.load(base_models.folder_on(run.base), run.model)

    def forward(self, batch: Batch) -> torch.Tensor:
        outputs = self._outputs(self.model, tuple(map(self._partly_hidden, batch.texts)))
        if not self.teacher:
            loss = self.loss(outputs, batch, self.settings)
            if self.settings.mix and batch.english:
                english = self._outputs(self.model, batch.english)
                loss = loss + self.settings.mix * mixed(outputs, english, batch, self.settings)
            return loss
        (teacher,) = self.teacher
        with torch.no_grad():
            taught = self._outputs(teacher.to(batch.labels.device), batch.english)
        return distillation(outputs, taught, batch, self.settings.distillation)

    def fastest(self, device: torch.device) -> float:
        """The tokens a second that it could learn from at the device's peak; 0: nobody knows."""
        if not self.settings.kind.layers:
            return 0.0
        return peak.fastest(self.model, device, precision.is_bf16(self.precision, device))

    def _outputs(
        self, model: nn.Module, texts: tuple[BatchEncoding, ...]
    ) -> tuple[torch.Tensor, ...]:
        device = texts[0]["input_ids"].device
        bf16 = self.settings.kind.layers and precision.is_bf16(self.precision, device)
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            outputs = self.family.outputs(model, texts)
        return tuple(output.float() for output in outputs)

    def _partly_hidden(self, tokens: BatchEncoding) -> BatchEncoding:
        """Some tokens hidden: a text must be found by whatever part of it is left."""
        if not self.settings.token_dropout:
            return tokens
        mask = tokens["attention_mask"]
        draws = torch.rand(mask.shape).to(mask.device)  # on the CPU: every device draws alike
        kept = mask * (draws >= self.settings.token_dropout)
        tokens["attention_mask"] = torch.where(kept.sum(1, keepdim=True) > 0, kept, mask)
        return tokens
