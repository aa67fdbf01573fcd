"""Base models as they come: each fault is told in one line, before any weights are loaded."""

import http.server
import json
import socketserver
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
import transformers
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from clir.errors import InputError
from clir.experiment import Model
from ray_app.models import base_models

WORDS = ["<pad>", "<s>", "</s>", "<unk>", *"a b c d e f g h i j".split()]


def save_tokenizer(folder: Path, words: list[str] = WORDS, **special: str) -> None:
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = {"unk_token": "<unk>", "pad_token": "<pad>"} | special
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)


def save(folder: Path, name: str, head: str = "Model", **settings) -> Path:
    """A tiny model of an architecture that transformers has, and a tokenizer."""
    # fmt: off
    small = {"vocab_size": len(WORDS), "hidden_size": 8, "intermediate_size": 8, "pad_token_id": 0,
             "num_attention_heads": 2, "num_hidden_layers": 1, "max_position_embeddings": 40}
    # fmt: on
    config = getattr(transformers, f"{name}Config")(**(small | settings))
    getattr(transformers, f"{name}{head}")(config).save_pretrained(folder)
    save_tokenizer(folder)
    return folder


def save_xlnet(folder: Path) -> Path:
    config = transformers.XLNetConfig(
        vocab_size=len(WORDS), d_model=8, n_layer=1, n_head=2, d_inner=8, pad_token_id=0
    )
    transformers.XLNetModel(config).save_pretrained(folder)
    save_tokenizer(folder)
    return folder


def look_at(folder: Path, kind: str = "bi-encoder", max_length: int = 32) -> None:
    base_models.look_at(Model(family=kind, base=str(folder), max_length=max_length), folder)


def refused(folder: Path, message: str, kind: str = "bi-encoder", max_length: int = 32) -> None:
    with pytest.raises(InputError, match=message) as error:
        look_at(folder, kind, max_length)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["bi-encoder", "cross-encoder"])
@pytest.mark.parametrize("name", ["Bert", "XLMRoberta", "DistilBert", "Electra", "ModernBert"])
def test_encoders_are_taken(tmp_path, name, kind):
    special = {"cls_token_id": 1, "sep_token_id": 2} if name == "ModernBert" else {}
    look_at(save(tmp_path, name, **special), kind)


def test_a_classifier_with_one_score_is_taken_and_one_with_three_labels_is_not(tmp_path):
    one = save(tmp_path / "one", "XLMRoberta", "ForSequenceClassification", num_labels=1)
    look_at(one, "cross-encoder")
    three = save(tmp_path / "three", "XLMRoberta", "ForSequenceClassification", num_labels=3)
    refused(three, "has 3 labels, a cross-encoder one score", "cross-encoder")
    look_at(three, "bi-encoder")  # its classifier is not used
    refused(
        save(tmp_path / "distil", "DistilBert", "ForSequenceClassification", num_labels=3),
        "has 3 labels",
        "cross-encoder",
    )


def test_decoders(tmp_path):
    gpt = save(tmp_path / "gpt", "GPT2", n_positions=40)
    refused(gpt, "gpt2 is a decoder")
    look_at(gpt, "cross-encoder")
    save_tokenizer(gpt, pad_token=None, eos_token="</s>")
    refused(gpt, "no pad token.*eos_token", "cross-encoder")
    refused(save(tmp_path / "llama", "Llama"), "llama is a decoder")
    refused(save(tmp_path / "half", "Bert", is_decoder=True), "bert is a decoder")


def test_a_decoder_scores_the_same_text_whatever_it_is_batched_with(tmp_path):
    import pyarrow as pa

    from ray_app.models.ranker import Ranker

    folder = save(tmp_path, "GPT2", "ForSequenceClassification", num_labels=1, pad_token_id=None)
    look_at(folder, "cross-encoder")
    ranker = Ranker("cross-encoder", folder, max_length=16, batch_size=4)
    queries, passages = pa.array(["a b", "a"]), pa.array(["c d e f g", "b"])
    together = ranker.score(queries, passages)
    alone = [float(ranker.score(queries.slice(n, 1), passages.slice(n, 1))[0]) for n in (0, 1)]
    assert together == pytest.approx(alone, abs=1e-5)


@pytest.mark.parametrize("kind", ["bi-encoder", "cross-encoder"])
def test_encoder_decoders_and_models_of_other_things(tmp_path, kind):
    t5 = save(tmp_path / "t5", "T5", d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
    refused(t5, "t5 is an encoder-decoder", kind)
    vit = save(tmp_path / "vit", "ViT", image_size=8, patch_size=4)
    refused(vit, "vit", kind)


def test_positions(tmp_path):
    bert, roberta = save(tmp_path / "b", "Bert"), save(tmp_path / "r", "Roberta", pad_token_id=1)
    look_at(bert, max_length=40)
    refused(bert, "max_length 41 is more than the 40 positions", max_length=41)
    refused(roberta, "pads with 0, its config.json says 1")
    save_tokenizer(roberta, pad_token="<s>")
    look_at(roberta, max_length=38)
    refused(roberta, "set it to 38 at most", max_length=39)
    xlnet = save_xlnet(tmp_path / "x")
    look_at(xlnet, max_length=10_000)
    deberta = save(tmp_path / "d", "DebertaV2", relative_attention=True,
                   position_biased_input=False, pos_att_type=["p2c"])  # fmt: skip
    look_at(deberta, max_length=10_000)


def test_room_for_the_marks_of_a_tokenizer(tmp_path):
    folder = save(tmp_path, "Bert")
    refused(folder, "holds no pair of texts", "cross-encoder", max_length=1)


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"


@pytest.mark.parametrize(
    "name", ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"]
)
def test_pointers_of_git_lfs(tmp_path, name):
    (save(tmp_path, "Bert") / name).write_text(POINTER)
    refused(tmp_path, rf"{name}: a pointer of git-lfs.*git lfs pull")


def test_weights_that_are_cut_or_damaged(tmp_path):
    weights = save(tmp_path, "Bert") / "model.safetensors"
    whole = weights.read_bytes()
    for damaged in (whole[:-1], whole[:40], whole[:5], b"", whole + b"x", b"{" * 400):
        weights.write_bytes(damaged)
        refused(tmp_path, r"model\.safetensors: cut or damaged .*; fetch it again")
    weights.unlink()
    refused(tmp_path, r"no \*\.safetensors in it")
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04")
    refused(tmp_path, r"pytorch_model\.bin is a pickle")


def in_shards(folder: Path) -> list[Path]:
    """The weights in two files with an index."""
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    parts = {"model-1-of-2.safetensors": names[::2], "model-2-of-2.safetensors": names[1::2]}
    for file, part in parts.items():
        save_file({name: tensors[name] for name in part}, folder / file, {"format": "pt"})
    index = {"weight_map": {name: file for file, part in parts.items() for name in part}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return [folder / file for file in parts]


def test_weights_in_several_files(tmp_path):
    first, second = in_shards(save(tmp_path, "Bert"))
    look_at(tmp_path)
    whole = second.read_bytes()
    second.write_bytes(whole[:-7])
    refused(tmp_path, "model-2-of-2.safetensors: cut")
    second.unlink()
    refused(tmp_path, "model-2-of-2.safetensors: no such file, though")
    second.write_bytes(first.read_bytes())
    refused(tmp_path, "no file holds")


def test_configs(tmp_path):
    folder = save(tmp_path / "a", "Bert")
    config = json.loads((folder / "config.json").read_text())

    def written(values: object) -> Path:
        (folder / "config.json").write_text(json.dumps(values))
        return folder

    refused(written(config | {"auto_map": {"AutoModel": "modeling.X"}}), "code of its own")
    refused(written(config | {"model_type": "nonsense"}), "transformers cannot read it")
    refused(written({}), "transformers cannot read it")
    refused(written([]), "not JSON, or not an object")
    refused(written(config | {"hidden_size": 16}), "8 in its weights, .* by its config.json")
    refused(written(config | {"hidden_size": 7}), "transformers cannot make this bert")
    (folder / "config.json").write_text("{")
    refused(folder, "not JSON")
    (folder / "config.json").unlink()
    refused(folder, "config.json: no such file")
    (folder / "adapter_config.json").write_text("{}")
    (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")
    refused(folder, "only an adapter .*merge_and_unload")
    refused(written(config), "only an adapter .*merge_and_unload")
    xlnet = save_xlnet(tmp_path / "x")
    (xlnet / "config.json").write_text(json.dumps(config))
    refused(xlnet, "none of the names of a bert|one of them is another model's")


def test_tokenizers(tmp_path):
    folder = save(tmp_path, "Bert")
    save_tokenizer(folder, [*WORDS, "more"])
    refused(folder, f"tokens up to number {len(WORDS)}, the model vectors of only {len(WORDS)}")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"auto_map": {}}))
    refused(folder, "tokenizer_config.json: it asks to run code")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "tokenizer.json").write_text('{"model"')
    refused(folder, "its tokenizer cannot be loaded")
    (folder / "tokenizer.json").unlink()
    refused(folder, "no tokenizer in it")


def test_folders_that_are_not_there(tmp_path):
    for base in (str(tmp_path / "none"), "./none", "some/where/else", str(Path(__file__))):
        with pytest.raises(InputError, match="no such folder, and no id at the hub"):
            base_models.find(base)


def by_hub(call: str, cache: Path, endpoint: str, **environment: str) -> tuple[str, float]:
    """What a call of ours says in a process whose hub has this address, and in how many seconds."""
    code = (
        "from pathlib import Path\nfrom ray_app.models.base_models import Base, find, folder_on\n"
        f"from clir import command\ncommand.run(lambda: print({call}))"
    )
    environment = {"HF_ENDPOINT": endpoint, "HF_HOME": str(cache), "PATH": "/usr/bin"} | environment
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], env=environment | {"PYTHONPATH": str(ROOT)},
                          capture_output=True, text=True, timeout=100)  # fmt: skip
    assert done.returncode in (0, 2), done.stderr
    return (done.stderr or done.stdout), time.monotonic() - started


ROOT = Path(__file__).parents[3]


class TellsAndGivesNothing(http.server.BaseHTTPRequestHandler):
    """A hub that knows a model, and whose files never come, as behind some firewalls."""

    def do_GET(self):
        if not self.path.startswith("/api/models/some/model"):
            time.sleep(100)
        told = json.dumps({"id": "some/model", "sha": "0" * 40, "siblings": []}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def do_HEAD(self):
        time.sleep(100)

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("answers", ["refuses", "never answers", "gives no files"])
def test_a_hub_that_cannot_be_reached_ends_in_one_line_within_half_a_minute(tmp_path, answers):
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), TellsAndGivesNothing) as server:
        port = server.server_address[1]
        server.daemon_threads = True
        if answers == "refuses":
            server.server_close()
        elif answers == "gives no files":
            Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{port}"
        asked = "find('some/model')", "folder_on(Base(Path('/none'), 'some/model', 'abc'))"
        with ThreadPoolExecutor() as threads:
            told = threads.map(lambda call: by_hub(call, tmp_path, address), asked)
            (said, seconds), (by_worker, waited) = told
        if answers == "gives no files":
            server.shutdown()
    assert said.count("\n") == 1 and said.startswith("error: some/model: no such folder here; nor")
    assert by_worker.count("\n") == 1 and "a worker sees neither /none nor the hub" in by_worker
    assert seconds < 30 and waited < 30


def test_the_cache_is_used_where_the_hub_is_not_reached_or_not_to_be_asked(tmp_path):
    at = tmp_path / "hub" / "models--some--model"
    (at / "refs").mkdir(parents=True)
    (at / "refs" / "main").write_text("abc")
    save(at / "snapshots" / "abc", "Bert")
    for environment in ({}, {"HF_HUB_OFFLINE": "1"}):
        said, seconds = by_hub("find('some/model')", tmp_path, "http://127.0.0.1:9", **environment)
        assert "the copy in its cache is used" in said and "revision='abc'" in said
        assert seconds < 30


def test_a_worker_that_sees_no_folder(tmp_path):
    with pytest.raises(InputError, match="a worker does not see this base model"):
        base_models.folder_on(base_models.Base(tmp_path / "none"))


def test_settings_that_a_base_does_not_fit(tmp_path):
    """What only the experiment as a whole tells."""
    folder = save(tmp_path, "Bert")

    def told(**settings):
        model = Model(base=str(folder), max_length=32, **settings)
        experiment = SimpleNamespace(models={"m": model}, teacher=None)
        return [problem.message for problem in base_models.check(experiment)]

    assert told(family="bi-encoder", train_layers=1) == []
    (line,) = told(family="bi-encoder", train_layers=2)
    assert "train_layers 2, but it has only 1" in line
    (line,) = told(family="cross-encoder", methods=["off-the-shelf"])
    assert "no head that scores pairs of texts, so that off-the-shelf cannot rank" in line
    save(tmp_path, "Bert", "ForSequenceClassification", num_labels=1)
    assert told(family="cross-encoder", methods=["off-the-shelf"]) == []
