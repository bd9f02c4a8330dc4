"""Hidden states of a speech model in a local folder: wav2vec2, HuBERT, WavLM, data2vec or Whisper.

The folder holds ``config.json`` and ``model.safetensors`` as the library transformers (an optional
extra) saves them; nothing is ever downloaded. All of them give 50 rows a second.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError

from tkit.errors import UsageError, WeightsError, one_line
from tkit.files import sha256_of
from tkit.parsing import from_json
from tkit.registry import ModelFile
from tkit.speech import Encoder
from tkit.speech.acoustic import HOP, SAMPLE_RATE, in_pieces
from tkit.store import EncoderInfo
from tkit.zoo import shapes, without_memory

FAMILIES = ("wav2vec2", "hubert", "wavlm", "data2vec-audio", "whisper")
_FIRST_SPAN = 400  # samples behind row 0 of the convolutions of all but Whisper


class Transformers:
    """The encoder with its model loaded; on a GPU if there is one.

    Parameters
    ----------
    weights : path
        The model's folder.
    """

    def __init__(self, weights: str | Path) -> None:
        folder = Path(weights)
        family, sha256 = _inspect(folder)
        torch, library = _libraries()
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            _require_sizes(folder, torch, library)
            # Never its pickles, never code that lies in the folder.
            model, about = library.AutoModel.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, trust_remote_code=False,
                output_loading_info=True,
            )  # fmt: skip
        except _damaged() as error:
            reason = one_line(str(error))
            raise WeightsError(f"{folder}: transformers cannot load it: {reason}") from error
        lost = [key for key in about["missing_keys"] if not key.endswith("masked_spec_embed")]
        if lost:
            raise WeightsError(f"{folder}: model.safetensors has no {lost[0]} (of {len(lost)})")
        self._whisper = family == "whisper"
        if self._whisper:
            bands = model.config.num_mel_bins
            self._mel = library.WhisperFeatureExtractor(feature_size=bands)
            model = model.encoder
        self.model = model.eval().requires_grad_(False).to(self._device)
        self._normalise = not self._whisper and _wants_normalised(folder)
        config = model.config
        self.info = EncoderInfo(
            "transformers",
            family,
            sha256,
            dim=int(config.d_model if self._whisper else config.hidden_size),
            rate_hz=SAMPLE_RATE / HOP,
            offset_s=0.01 if self._whisper else _FIRST_SPAN / 2 / SAMPLE_RATE,
        )

    def __call__(self, wave: np.ndarray) -> np.ndarray:
        """Encode (S,) float32 sound at 16 kHz to (N, D); pieces of 24 s are cross-faded."""
        return np.concatenate(list(self.stream([wave])))

    def stream(self, waves: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Encode sound that comes in pieces: its mean and deviation are found out first."""
        mean, scale = _statistics(waves) if self._normalise else (0.0, 1.0)
        return in_pieces(
            ((np.asarray(piece, np.float32) - mean) / scale for piece in waves),
            lambda wave: self._encode(np.pad(wave, (0, max(2 * _FIRST_SPAN - len(wave), 0)))),
        )

    def _encode(self, wave: np.ndarray) -> np.ndarray:
        import torch

        if self._whisper:
            mel = self._mel(wave, sampling_rate=SAMPLE_RATE, return_tensors="pt").input_features
            rows = self.model(mel.to(self._device)).last_hidden_state
            rows = rows[:, : len(wave) // HOP]
        else:
            rows = self.model(torch.from_numpy(wave)[None].to(self._device)).last_hidden_state
        return rows[0].float().cpu().numpy()


def _statistics(waves: Iterable[np.ndarray]) -> tuple[np.float32, np.float32]:
    """Mean and deviation of all samples, at least of the shortest sound that is encoded."""
    count, total, power = 0, 0.0, 0.0
    for piece in waves:
        wave = np.asarray(piece, np.float64)
        count, total = count + len(wave), total + float(wave.sum())
        power += float(wave @ wave)
    count = max(count, 2 * _FIRST_SPAN)
    variance = max(power / count - (total / count) ** 2, 0.0)
    return np.float32(total / count), np.float32(math.sqrt(variance + 1e-7))


def _inspect(folder: Path) -> tuple[str, str]:
    """Family of the model in a folder, and the hash of its weights."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; give one with config.json and its weights")
    try:
        config = from_json((folder / "config.json").read_text(encoding="utf-8"))
        if not isinstance(config, dict):
            raise ValueError("config.json is no object")
        sha256 = sha256_of(folder / "model.safetensors")
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"{folder}: no readable config.json and model.safetensors here ({error})"
        ) from error
    family = config.get("model_type")
    if not isinstance(family, str) or family not in FAMILIES:
        raise WeightsError(
            f"{folder}: a model of type {family!r}, not one of {', '.join(FAMILIES)}"
        )
    return family, sha256


def _require_sizes(folder: Path, torch: Any, library: Any) -> None:
    """Raise ``ValueError`` where a config declares a model that its file cannot hold."""
    there = shapes(folder / "model.safetensors")
    config = library.AutoConfig.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False
    )
    # The library makes some parameters several times, and a base model lacks a head's.
    with without_memory(8 * (len(there) + 8)):
        parameters = list(
            library.AutoModel.from_config(config, trust_remote_code=False).parameters()
        )
    declared = sum(parameter.numel() for parameter in parameters)
    held = sum(math.prod(shape) for shape in there.values())
    if declared > 2 * held:
        raise ValueError(f"config.json declares {declared} parameters, of which {held} are there")


def _wants_normalised(folder: Path) -> bool:
    """Whether the model was trained on waves of mean 0 and deviation 1; its own file says so."""
    path = folder / "preprocessor_config.json"
    if not path.is_file():
        return True
    try:
        about = from_json(path.read_text(encoding="utf-8"))
        return bool(about.get("do_normalize", True))
    except (OSError, ValueError, AttributeError) as error:
        raise WeightsError(f"{path}: not a JSON object ({error})") from error


def _damaged() -> tuple[type[Exception], ...]:
    """What the library raises of folders that hold no model, or not the one they declare."""
    from huggingface_hub import errors

    return (
        OSError, ValueError, RuntimeError, TypeError, KeyError, AttributeError, IndexError,
        ZeroDivisionError, AssertionError, SafetensorError,
        getattr(errors, "StrictDataclassError", ValueError),  # not in all versions
    )  # fmt: skip


def _libraries() -> tuple[Any, Any]:
    import torch

    try:
        import transformers
    except ImportError as error:
        raise UsageError(
            "the speech encoder transformers needs an extra: "
            "pip install 'talking-face-toolkit[transformers]'"
        ) from error
    return torch, transformers


def _example(folder: Path) -> Path:
    """Save a tiny wav2vec2 of random numbers."""
    torch, library = _libraries()
    torch.manual_seed(0)
    config = library.Wav2Vec2Config(
        conv_dim=(8,) * 7,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
    )
    library.Wav2Vec2Model(config).save_pretrained(folder / "wav2vec2")
    return folder / "wav2vec2"


ENCODER = Encoder(
    name="transformers",
    signature="transformers",
    licence="that of the model in the folder",
    title="hidden states of wav2vec2, HuBERT, WavLM, data2vec or Whisper",
    dim=0,
    rate_hz=SAMPLE_RATE / HOP,
    offset_s=_FIRST_SPAN / 2 / SAMPLE_RATE,
    sample_rate=SAMPLE_RATE,
    open=Transformers,
    model=ModelFile("the folder of a model, with config.json and model.safetensors"),
    example=_example,
)
