"""Local folders of speech models: tiny random ones, made here."""

import json

import numpy as np
import pytest

from tkit.errors import UsageError, WeightsError
from tkit.speech import ENCODERS

CONVOLUTIONS = {
    "conv_dim": (8,) * 7,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
}


@pytest.fixture(scope="module")
def library():
    return pytest.importorskip("transformers", reason="the extra transformers is not installed")


@pytest.fixture
def folder(library, tmp_path, monkeypatch):
    """Save a tiny random model of a family and return its folder."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    def make(family):
        import torch

        torch.manual_seed(0)
        if family == "whisper":
            config = library.WhisperConfig(
                d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
                decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, vocab_size=64,
                pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
            )  # fmt: skip
            model = library.WhisperModel(config)
        else:
            kinds = {"wav2vec2": "Wav2Vec2", "hubert": "Hubert", "wavlm": "WavLM"}
            config = getattr(library, f"{kinds[family]}Config")(**CONVOLUTIONS)
            model = getattr(library, f"{kinds[family]}Model")(config)
        model.save_pretrained(tmp_path / family)
        return tmp_path / family

    return make


@pytest.mark.filterwarnings("ignore")  # of the library
@pytest.mark.parametrize("family", ["wav2vec2", "hubert", "wavlm", "whisper"])
def test_a_local_model_gives_fifty_rows_a_second(folder, family):
    encode = ENCODERS.get("transformers").load(folder(family))
    wave = np.random.default_rng(0).normal(size=26 * 16000).astype(np.float32)
    assert (encode.info.version, encode.info.dim, encode.info.rate_hz) == (family, 16, 50)
    for n_samples in (160, 16000, 26 * 16000):
        rows = encode(wave[:n_samples])
        assert rows.dtype == np.float32 and rows.shape[1] == 16 and np.isfinite(rows).all()
        assert abs(len(rows) - max(n_samples, 800) / 320) <= 1


@pytest.mark.filterwarnings("ignore")
def test_rows_are_where_they_say(folder):
    """A click changes most a row whose 25 ms it lies in; over clicks in all places, its middle."""
    encode = ENCODERS.get("transformers").load(folder("hubert"))
    model = encode.model.feature_extractor
    import torch

    still = model(torch.zeros(1, 16000))[0]
    late_s = []
    for sample in range(8000, 8320, 20):  # rows are 320 samples apart
        wave = torch.zeros(1, 16000)
        wave[0, sample] = 1.0
        row = (model(wave)[0] - still).abs().mean(dim=0).argmax().item()
        late_s.append(encode.info.offset_s + row / encode.info.rate_hz - sample / 16000)
    assert np.abs(late_s).max() <= 0.0126
    assert abs(np.mean(late_s)) <= 0.004


def test_missing_and_foreign_folders_are_refused(tmp_path):
    with pytest.raises(UsageError, match="needs the folder"):
        ENCODERS.get("transformers").load()
    with pytest.raises(UsageError, match="no such folder"):
        ENCODERS.get("transformers").load(tmp_path / "absent")
    with pytest.raises(WeightsError, match=r"config\.json"):
        ENCODERS.get("transformers").load(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(WeightsError, match="type 'bert', not one of wav2vec2"):
        ENCODERS.get("transformers").load(tmp_path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "change", [{"hidden_size": 2**20}, {"num_hidden_layers": 10**6}, {"intermediate_size": -1},
               {"conv_dim": "wide"}, {"model_type": ["hubert"]}, {"num_hidden_layers": 2}],
)  # fmt: skip
def test_a_config_that_declares_what_its_file_cannot_hold_is_refused(folder, change):
    path = folder("hubert") / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(WeightsError):
        ENCODERS.get("transformers").load(path.parent)


@pytest.mark.filterwarnings("ignore")
def test_pickles_in_the_folder_are_not_read(folder):
    path = folder("hubert")
    (path / "model.safetensors").rename(path / "pytorch_model.bin")
    with pytest.raises(WeightsError, match=r"model\.safetensors"):
        ENCODERS.get("transformers").load(path)
