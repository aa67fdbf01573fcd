"""Models as training makes them."""

from types import SimpleNamespace

import torch
from transformers import BertConfig, BertModel

from clir.experiment import Model
from ray_app.models.base_models import Base
from ray_app.models.families import FAMILIES
from ray_app.models.tokenization import train_tokenizer
from ray_app.training.network import Network


def test_what_a_base_lacks_is_drawn_from_the_seed(tmp_path):
    model = Model(family="cross-encoder", base=str(tmp_path), vocabulary=40)
    tokenizer = train_tokenizer(iter(["the dog sat", "der Hund sitzt"] * 5), model)
    FAMILIES["cross-encoder"].frame(tokenizer)
    tokenizer.save_pretrained(tmp_path)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    config = BertConfig(vocab_size=len(tokenizer), intermediate_size=8, **sizes)
    BertModel(config).save_pretrained(tmp_path)  # it has no head
    heads = [
        Network(SimpleNamespace(model=model, base=Base(tmp_path), seed=seed)).model.classifier
        for seed in (1, 1, 2)
    ]
    first, again, other = (head.weight for head in heads)
    assert torch.equal(first, again) and not torch.equal(first, other)
