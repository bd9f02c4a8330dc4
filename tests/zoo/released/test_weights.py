import dataclasses

import pytest
import torch
from safetensors.torch import save_file

from tkit.errors import UsageError, WeightsError
from tkit.files import sha256_of
from tkit.parsing import toml_of
from tkit.zoo import NETS
from tkit.zoo.nets import motion
from tkit.zoo.released import cards
from tkit.zoo.released import weights as released_weights

CONFIG = motion.Config(dim=5, components=3, widths=(4, 6))
RECORD = {"stage": "motion", "corpus": "drawn"}


def write(path, **options):
    module = motion.NET.build(CONFIG)
    released_weights.save(
        path, net="motion", config=CONFIG, module=module, record=RECORD, **options
    )
    return module


def card(path, **values):
    texts = dict.fromkeys((f.name for f in dataclasses.fields(cards.Card)), "text")
    texts |= {"name": "m", "net": "motion", "licence": "CC BY 4.0"}
    scores = (cards.Reported("lmd", 1.5, "val", "lmd|n:3"),)
    made = texts | {"sha256": sha256_of(path), "scores": scores}
    return cards.Card(**made | values)


@pytest.mark.parametrize("half", [False, True])
def test_weights_come_back_as_they_went(tmp_path, half):
    path = tmp_path / "w.safetensors"
    module = write(path, half=half)
    loaded = released_weights.load(path)
    assert (loaded.net, loaded.config, loaded.path) == ("motion", CONFIG, path)
    assert loaded.record["stage"] == "motion" and "tkit" in loaded.record
    assert not loaded.module.training
    for name, value in module.state_dict().items():
        wanted = value.half().float() if half else value
        assert torch.equal(loaded.module.state_dict()[name], wanted)
        assert loaded.module.state_dict()[name].dtype == torch.float32


def test_the_same_weights_are_the_same_bytes(tmp_path):
    torch.manual_seed(0)
    write(tmp_path / "a.safetensors")
    torch.manual_seed(0)
    write(tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_foreign_and_damaged_files_are_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    with pytest.raises(UsageError, match="no such weight file or released name"):
        released_weights.load(path)
    path.write_bytes(b"junk")
    with pytest.raises(WeightsError, match="not a weight file of tkit"):
        released_weights.load(path)
    save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(WeightsError, match="not a weight file of tkit"):
        released_weights.load(path)
    module = motion.NET.build(CONFIG)
    wrong = dataclasses.replace(CONFIG, components=4)
    released_weights.save(path, net="motion", config=wrong, module=module, record={})
    with pytest.raises(WeightsError, match="does not fit the network 'motion'") as caught:
        released_weights.load(path)
    assert "\n" not in str(caught.value)
    released_weights.save(path, net="motoin", config=CONFIG, module=module, record={})
    with pytest.raises(WeightsError, match="did you mean motion"):
        released_weights.load(path)


@pytest.mark.parametrize("name", NETS.names())
def test_every_net_has_a_frozen_config(name):
    net = NETS.get(name)
    assert net.config.__dataclass_params__.frozen and net.title
    assert net.config.__module__ == f"tkit.zoo.nets.{name.replace('-', '_')}"


# --- cards -----------------------------------------------------------------------------------


def test_a_card_comes_back_as_it_went(tmp_path):
    write(tmp_path / "w.safetensors")
    made = card(tmp_path / "w.safetensors", limits='quotes " and\nlines, é, \\')
    cards.write_card(tmp_path / "m.toml", made)
    assert cards.read_card(tmp_path / "m.toml") == made
    assert made.problems() == []


def test_a_card_says_what_it_misses(tmp_path):
    write(tmp_path / "w.safetensors")
    made = card(tmp_path / "w.safetensors", licence=" ", sha256="12", scores=())
    assert made.problems() == [
        "licence is empty", "sha256 is not 64 hexadecimal digits", "there are no scores",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["name = ", 'name = "m"', "name = 3", "scores = 3", "x = 1"])
def test_what_is_no_card_is_refused(tmp_path, text):
    path = tmp_path / "m.toml"
    path.write_text(text)
    with pytest.raises(WeightsError, match=r"m\.toml: not a card"):
        cards.read_card(path)


def test_released_weights_are_verified_against_their_cards(tmp_path, monkeypatch):
    path = tmp_path / "m.safetensors"
    write(path)
    monkeypatch.setattr(cards, "released", lambda: {"m": path})
    monkeypatch.setattr(cards, "card_path", lambda name: tmp_path / f"{name}.toml")
    assert "not a card" in cards.verify("m")[0]
    made = card(path)
    cards.write_card(tmp_path / "m.toml", made)
    assert cards.verify("m") == []
    assert released_weights.load("m").config == CONFIG
    cards.write_card(tmp_path / "m.toml", dataclasses.replace(made, name="n", sha256="0" * 64))
    actual = made.sha256[:8]
    assert cards.verify("m") == [
        "the card is of 'n'", f"the card says sha256 00000000…, the file has {actual}…",
    ]  # fmt: skip


def test_all_released_weights_are_sound():
    for name in cards.released():
        assert cards.verify(name) == []
        released_weights.check(name)


def test_a_broken_onnx_file_is_found(tmp_path):
    path = tmp_path / "x.onnx"
    path.write_bytes(b"no network")
    with pytest.raises(WeightsError, match=r"x\.onnx: onnxruntime cannot read it"):
        released_weights.check(path)


def test_toml_reads_back():
    import tomllib

    values = {"a": 1, "b": 0.1, "c": True, "d": 'x"\n', "e": [1, 2], "f": (), "g": 1e-7,
              "t": [{"x": 1, "y": "z"}, {"x": 2, "y": ""}]}  # fmt: skip
    assert tomllib.loads(toml_of(values)) == values | {"f": []}
