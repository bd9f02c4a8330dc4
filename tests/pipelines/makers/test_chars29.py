"""The training of the head of chars29, on a few utterances."""

import numpy as np
import pytest
import torch

from tkit.pipelines.makers import chars29 as chars29_module
from tkit.pipelines.makers.chars29 import data
from tkit.pipelines.makers.chars29 import text as text_module
from tkit.seeds import generator
from tkit.zoo.nets import chars29

SMALL = chars29_module.Settings(
    utterances=6, held_out=2, epochs=2, batch=2, noise=0.0, masked_rows=0
)


def test_sentences_can_be_spelled_and_follow_from_the_seed():
    texts = [data.sentence(generator(0, str(index)))[0] for index in range(300)]
    assert set("".join(texts)) <= set(" abcdefghijklmnopqrstuvwxyz'")
    assert len(set(texts)) > 200
    assert texts[7] == data.sentence(generator(0, "7"))[0]
    assert any(text.split()[0] in ("bin", "lay", "place", "set") for text in texts)


@pytest.mark.parametrize(
    ("word", "ending", "form"),
    [("box", "s", "boxes"), ("city", "s", "cities"), ("day", "s", "days"),
     ("child", "s", "children"),
     ("stop", "ed", "stopped"), ("enter", "ed", "entered"), ("carry", "ed", "carried"),
     ("take", "ed2", "taken"), ("agree", "ing", "agreeing"), ("move", "ing", "moving"),
     ("begin", "ing", "beginning"), ("play", "ed", "played")],
)  # fmt: skip
def test_words_are_inflected(word, ending, form):
    assert text_module.inflect(word, ending) == form


def test_every_pattern_can_be_drawn():
    for index, pattern in enumerate(text_module.lists()["line"]):
        text = text_module.expand(pattern, generator(0, str(index)))
        assert text and set(text) <= set(" 'abcdefghijklmnopqrstuvwxyz")


def test_a_room_keeps_length_and_level_sane():
    dry = np.sin(np.arange(16000) / 5)
    for index in range(10):
        wet = data.record(dry, generator(0, str(index)))
        assert wet.shape == dry.shape and wet.dtype == np.float32
        assert 0.05 < np.abs(wet).max() < 0.9


@pytest.fixture(scope="module")
def heard():
    """States that spell their text: every letter has its own direction for three rows."""
    rng = np.random.default_rng(0)
    letters = rng.normal(size=(29, 576))
    texts = ["bad cab", "a cab", "dad", "a bad dad", "cab cab", "bad bad"]
    pieces = []
    for text in texts:
        columns = [column for letter in text for column in (chars29_module.COLUMN[letter],) * 3]
        pieces.append(letters[columns].astype(np.float16))
    starts = np.cumsum([0, *(len(piece) for piece in pieces)])
    return chars29_module.Heard(np.concatenate(pieces), starts, texts)


def test_a_head_learns_to_spell_and_is_saved_small(heard, tmp_path, capsys):
    settings = chars29_module.Settings(
        utterances=6, held_out=1, epochs=60, batch=5, learning_rate=0.01, noise=0.01, masked_rows=0
    )
    config = chars29.Config(width=32, layers=1, kernel=5, dropout=0.0)
    net = chars29_module.train(heard, settings, config)
    assert chars29_module.error_rate(net, heard, range(1, 6)) < 0.1
    assert "held-out" in capsys.readouterr().err
    path = tmp_path / "head.safetensors"
    chars29_module.save(path, net, heard, settings)
    assert path.stat().st_size < 100_000


def test_three_steps_on_the_voices_of_puppets(tmp_path, capsys):
    settings = chars29_module.Settings(utterances=7, held_out=1, epochs=1, batch=2)
    heard = chars29_module.hear(settings, tmp_path / "heard.npz")
    assert len(heard.texts) == 7 and heard.states.shape == (heard.starts[-1], 576)
    again = chars29_module.hear(settings, tmp_path / "heard.npz")  # from the cache
    assert again.texts == heard.texts and np.array_equal(again.states, heard.states)
    config = chars29.Config(width=8, layers=1, kernel=3)
    net = chars29_module.train(heard, settings, config)
    torch.manual_seed(settings.seed)
    fresh = chars29.NET.build(config)
    assert any(
        not torch.equal(*pair) for pair in zip(net.parameters(), fresh.parameters(), strict=True)
    )
    assert all(torch.isfinite(one).all() for one in net.parameters())
    chars29_module.save(tmp_path / "head.safetensors", net, heard, settings)
    assert "epoch 1: loss" in capsys.readouterr().err


def test_the_same_settings_give_the_same_head(heard):
    config = chars29.Config(width=8, layers=1, kernel=3)
    first, second = (chars29_module.train(heard, SMALL, config) for _ in range(2))
    for ours, theirs in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(ours, theirs)
