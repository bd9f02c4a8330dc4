"""Cards as a model hub shows them."""

import pytest
import yaml

from tkit.errors import UsageError
from tkit.files import sha256_of
from tkit.zoo.released import cards, hub


def front_matter(text):
    head, sign, body = text.removeprefix("---\n").partition("\n---\n")
    assert sign
    return yaml.safe_load(head), body


@pytest.mark.parametrize("name", cards.released())
def test_every_card_is_a_readme_with_its_licence_and_scores(name):
    card = cards.read_card(cards.card_path(name))
    about, body = front_matter(hub.readme(card, f"{name}.safetensors"))
    assert about["license"] in ("cc-by-4.0", "apache-2.0") and "talking-face" in about["tags"]
    (entry,) = about["model-index"]
    told = [metric for result in entry["results"] for metric in result["metrics"]]
    assert entry["name"] == name
    assert [(one["type"], one["value"]) for one in told] == [
        (score.metric, score.value) for score in card.scores
    ]
    assert all(result["task"]["type"] and result["dataset"]["name"] for result in entry["results"])
    for text in (card.attribution, card.limits, card.sha256, card.command):
        assert text in body


def test_an_unknown_licence_is_named_in_words():
    card = cards.Card(*["text"] * 10)
    about, _ = front_matter(hub.readme(card, "w.safetensors"))
    assert (about["license"], about["license_name"]) == ("other", "text")


def test_the_folder_holds_card_and_weights(tmp_path):
    paths = hub.export("blink", tmp_path / "blink")
    assert [path.name for path in paths] == ["README.md", "card.toml", "blink.safetensors"]
    assert cards.read_card(paths[1]) == cards.read_card(cards.card_path("blink"))
    assert sha256_of(paths[2]) == cards.read_card(paths[1]).sha256
    with pytest.raises(UsageError, match="no such weight file"):
        hub.export("blimk", tmp_path / "x")
