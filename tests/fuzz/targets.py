"""The readers of strangers' files, each with small sound files made by code."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import dlibfiles
import graphs
import numpy as np
import stores
from fuzzing import Target

from tkit.errors import StoreError, TkitError

DATA = Path(__file__).parents[1] / "data"


# -- networks -------------------------------------------------------------------------------------


def _copied(*names: str) -> Callable[[Path], list[Path]]:
    return lambda folder: [Path(shutil.copy(DATA / name, folder)) for name in names]


def _pbmm(folder: Path) -> list[Path]:
    graph = (DATA / "deepspeech-0.9.pb").read_bytes()
    for lengths in (False, True):
        path = folder / f"{lengths}.pbmm"
        path.write_bytes(graphs.memory_mapped(graph, lengths=lengths))
    return sorted(folder.iterdir())


def _checkpoint(folder: Path) -> list[Path]:
    return _copied("deepspeech-0.9.index", "deepspeech-0.9.data-00000-of-00001")(folder)


def _deepspeech(path: Path) -> object:
    from tkit.speech import ENCODERS

    path = path.with_suffix(".index") if ".data-" in path.name else path
    return len(ENCODERS.get("deepspeech").load(path)(np.zeros(3200, np.float32)))


def _safetensors(folder: Path) -> list[Path]:
    from tkit.zoo import NETS
    from tkit.zoo.released import weights

    record = {"stage": "motion", "note": "drawn", "steps": 3}
    for name in ("motion", "blink", "patchgan"):
        net = NETS.get(name)
        config = net.example or net.config()
        module = net.build(config)
        weights.save(folder / f"{name}.safetensors", net=name, config=config, module=module,
                     record=record)  # fmt: skip
    return sorted(folder.iterdir())


def _weights(path: Path) -> object:
    from tkit.zoo.released import weights

    weights.describe(path)
    return weights.load(path).net


def _stage(path: Path) -> object:
    from tkit.pipelines.training import runs

    trained = runs.find(path)
    return trained.encoder, trained.config


def _stages(folder: Path) -> list[Path]:
    from tkit.zoo.released import cards

    return [Path(shutil.copy(cards.locate(name), folder)) for name in ("blink", "motion")]


def _card(folder: Path) -> list[Path]:
    from tkit.zoo.released import cards

    return [Path(shutil.copy(cards.card_path(name), folder)) for name in ("motion", "lipseg-eye")]


def _read_card(path: Path) -> object:
    from tkit.zoo.released import cards

    return cards.read_card(path).problems()


def _trees(folder: Path) -> list[Path]:
    (folder / "x.dat").write_bytes(dlibfiles.written(dlibfiles.small()))
    return [folder / "x.dat"]


def _fit_trees(path: Path) -> object:
    from tkit.landmarks.trees import read

    picture = np.zeros((1, 20, 20), np.uint8)
    return read(path)(picture, np.array([[10.0, 10.0, 8.0]])).shape


class Small:
    """A network of one layer, for checkpoints."""

    @staticmethod
    def net():
        from torch import nn

        return nn.Linear(6, 4)


def _pth(folder: Path) -> list[Path]:
    import torch

    torch.save(Small.net().state_dict(), folder / "new.pth")
    torch.save(Small.net().state_dict(), folder / "old.pth", _use_new_zipfile_serialization=False)
    head = {"classifier.1.weight": torch.zeros(2, 3)}  # as torchvision's files have beside the rest
    torch.save(Small.net().state_dict() | head, folder / "torchvision.pth")
    return sorted(folder.iterdir())


def _load_pth(path: Path) -> object:
    from tkit.zoo.checkpoints import load_into

    return load_into(Small.net(), path, wanted="a layer", spare="classifier.").weight.shape


def _example(family: str) -> Callable[[Path], list[Path]]:
    """The files that a metric's example writes."""

    def seeds(folder: Path) -> list[Path]:
        from tkit.metrics import METRICS

        METRICS.families()[family].example(folder)
        return sorted(folder.iterdir())

    return seeds


def _mat(path: Path) -> object:
    from tkit.metrics import niqe

    mean, cov = niqe.PRISTINE.load(path)
    return mean.shape, cov.shape


def _svm(path: Path) -> object:
    from tkit.metrics import brisque

    return brisque.LIVE.load(path.parent)(np.zeros(brisque.N_FEATURES))


def _onnx(path: Path) -> object:
    from tkit.metrics import csim

    return csim.FACES.load(str(path)) is not None


def _task(folder: Path) -> list[Path]:
    from tkit.landmarks import task_models

    with zipfile.ZipFile(folder / "x.task", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in (task_models.DETECTOR, task_models.MESH):
            archive.writestr(name, b"network " * 100)
    return [folder / "x.task"]


def _read_task(path: Path) -> object:
    from tkit.landmarks import task_models

    return [len(network) for network in task_models.unpack(path)]


# -- stores and what is kept to go on -------------------------------------------------------------


def _store(folder: Path) -> list[Path]:
    splits = {"a": "train", "b": "val"}
    return [stores.write_store(folder / "x.h5", splits=splits, clips_per_speaker=1, n_frames=8,
                               crop_size=16)]  # fmt: skip


def _read_store(path: Path) -> object:
    from tkit.report import corpus_page
    from tkit.store import Store

    with Store(path) as store:
        if problems := store.problems():
            raise StoreError("; ".join(problems))
        arrays = ["points", "displacement", "pose", "valid", "speech", "crops", "crop_pose"]
        values = [store[name][:].tobytes() for name in arrays]
        return list(corpus_page.lines(store)), values, store.words(), store.clips, store.info


def _old_store(folder: Path) -> list[Path]:
    import h5py

    new, old = _store(folder)[0], folder / "old.h5"
    with h5py.File(new) as source, h5py.File(old, "w") as target:
        target.attrs.update(source.attrs)

        def copy(name: str, item: object) -> None:
            if isinstance(item, h5py.Dataset):
                target[name] = item[...]

        source.visititems(copy)
    new.unlink()
    return [old]


def _cache(folder: Path) -> list[Path]:
    from tkit.report import Unscored
    from tkit.scoring import cache
    from tkit.scoring.measuring import Measured

    stats = {"frames": 3, "sum": np.arange(4.0), "parts": (np.ones(2), 1.5)}
    measured = Measured("a/b", {"ours": {"psnr": stats}}, [Unscored("ours", "a/b", "no face")])
    (folder / "x.json").write_bytes(cache.packed(measured))
    return [folder / "x.json"]


def _read_cache(path: Path) -> object:
    from tkit.scoring import cache

    try:
        return cache.to_json(cache.unpacked(path.read_bytes()))
    except cache.DAMAGED as error:
        raise TkitError("measured again") from error


def _run(folder: Path) -> list[Path]:
    import torch

    from tkit.files import sha256_of
    from tkit.parsing import seal

    state = {"record": json.dumps({"config": {}}), "nets": {"a": Small.net().state_dict()}}
    torch.save(state, folder / "checkpoint.pt")
    with (folder / "checkpoint.pt").open("ab") as file:
        file.write(seal(sha256_of(folder / "checkpoint.pt")))
    return [folder / "checkpoint.pt"]


def _read_run(path: Path) -> object:
    from tkit.pipelines.training import loop

    state = loop.read_checkpoint(path, device="cpu")
    return state["record"], state["nets"]["a"]["weight"].numpy().tobytes()


def _losses(folder: Path) -> list[Path]:
    (folder / "losses.csv").write_text("step,name,value\n20,loss,1.5\n40,loss,1.25\n")
    return [folder / "losses.csv"]


def _read_losses(path: Path) -> object:
    from tkit.pipelines.training import runs

    return runs.read_losses(runs.Run(path.parent))


# -- settings, reports, tables --------------------------------------------------------------------


def _settings(folder: Path) -> list[Path]:
    from tkit.pipelines.training import config

    return [Path(shutil.copy(path, folder)) for path in config.experiments().values()]


def _read_settings(path: Path) -> object:
    from tkit.pipelines.stages import motion
    from tkit.pipelines.training import config

    return config.merge(motion.STAGE.config, [path]) if "motion" in path.name else (
        config.read_values(path)
    )  # fmt: skip


def _report(folder: Path) -> list[Path]:
    from tkit.report import Cell, ClipScore, Comparison, Report, SpeakerScore, Unscored

    cells = {
        "psnr": Cell(31.25, 30.0, 32.5, 3, "dB", "higher", "psnr|n:3"),
        "lmd": Cell(None, None, None, 0, "% IOD", "lower", "lmd|n:3", "no clip has a score"),
    }
    report = Report(
        "tkit", {"ours": cells, "gt": cells},
        clips=[ClipScore("ours", "s1/a", "psnr", 31.25, 75)],
        rejects=[Unscored("gt", "s1/a", "lmd: no face")],
        speakers=[SpeakerScore("ours", "s1", "psnr", 31.25, 3)],
        comparisons=[Comparison("psnr", "ours", "gt", 1.0, 0.5, 1.5, 0.01, 0.9, 1.2, 3, "dB", 0.02,
                                0.001, "a family")],
        common={"ours": cells, "gt": cells}, lacks=("a thing",),
    )  # fmt: skip
    (folder / "x.json").write_text(report.to_json(), encoding="utf-8")
    return [folder / "x.json"]


def _read_report(path: Path) -> object:
    from tkit.report import Report, formats, leaderboard

    report = Report.read(path)
    shown = [render(report) for render in formats.FORMATS.values()]
    rankings = leaderboard.merge([path, path])
    return len(shown + [render(rankings) for render in leaderboard.FORMATS.values()])


def _series(folder: Path) -> list[Path]:
    from tkit.report import series

    rng, size = np.random.default_rng(0), (360, 288)
    rows = {}
    for name in ("gt", "ours"):
        values = rng.random((3, 20)).astype(np.float32)
        points = series.rounded(rng.uniform(0, 300, (20, 68, 2)))
        rows[name] = series.Curves(*values, (0.25,), (0.125,), points, size)
    series.write(folder / "r.series.npz", [series.ClipSeries("s1/a", 25.0, "px", rows)])
    with (
        zipfile.ZipFile(folder / "r.series.npz") as packed,
        zipfile.ZipFile(folder / "plain.series.npz", "w") as plain,
    ):
        for name in packed.namelist():
            plain.writestr(name, packed.read(name))
    return sorted(folder.iterdir())


def _read_series(path: Path) -> object:
    from tkit.report import Cell, ClipScore, Report, page, series

    cells = {"psnr": Cell(31.25, 30.0, 32.5, 3, "dB", "higher", "psnr|n:3")}
    clips = [ClipScore("ours", "s1/a", "psnr", 31.25, 20)]
    report = Report("tkit", {"ours": cells}, clips=clips, series=series.read(path))
    return page.as_html(report).count("base64")


def _openface(folder: Path) -> list[Path]:
    from tkit.landmarks.openface import LANDMARKER

    LANDMARKER.example(folder)
    return [folder / "x.csv"]


def _read_openface(path: Path) -> object:
    from tkit.landmarks import openface

    return openface.track(np.zeros((4, 2, 2, 3), np.uint8), video=str(path)).shape


def _checksums(folder: Path) -> list[Path]:
    (folder / "sums.txt").write_text(f"{'ab' * 16}  s1.zip\nsha256:{'cd' * 32} s2.zip\n")
    return [folder / "sums.txt"]


def _read_checksums(path: Path) -> object:
    from tkit.prep.download import read_checksums

    return len(read_checksums(path))


def _words(folder: Path) -> list[Path]:
    (folder / "x.align").write_text("0 23750 sil\n23750 29500 bin\n29500 34000 blue\n")
    return [folder / "x.align"]


def _read_words(path: Path) -> object:
    from tkit.corpora.grid import read_alignment

    return len(read_alignment(path))


def _manifest(folder: Path) -> list[Path]:
    from tkit.clips import Clip, Word, columns, write_manifest

    words = (Word(0.1, 0.5, "bin"), Word(0.5, 0.9, "blue"))
    clips = [
        Clip("s1/a", "s1", "s1/a.mp4", text="bin blue", words=words, split="train"),
        Clip("s2/b", "s2", "/x/b.mp4", audio="b.wav", columns=columns(sex="female")),
    ]
    write_manifest(folder / "clips.jsonl", clips)
    return [folder / "clips.jsonl"]


def _read_manifest(path: Path) -> object:
    from tkit.clips import read_manifest, validate

    return [clip.words for clip in validate(read_manifest(path))]


def _columns(folder: Path) -> list[Path]:
    (folder / "splits.tsv").write_text("# drawn\ns1\ttrain\ns2/a, val\ns3\n")
    (folder / "map.tsv").write_text("out_0001\ts1/a\nout_0002\ts1/b\n")
    return sorted(folder.iterdir())


def _read_columns(path: Path) -> object:
    from tkit.corpora import read_splits
    from tkit.scoring.pairing import read_map

    return read_map(path) if path.name == "map.tsv" else read_splits(path).keys()


def _labels(folder: Path) -> list[Path]:
    (folder / "x.mlf").write_text('#!MLF!#\n"*/01M/straightcam/sa1.lab"\n0 100000 sil\n1 2 ah\n.\n')
    return [folder / "x.mlf"]


def _read_labels(path: Path) -> object:
    from tkit.corpora.tcdtimit import read_mlf

    return len(read_mlf(path))


# -- arrays, pictures, sound, archives ------------------------------------------------------------


def _points(folder: Path) -> list[Path]:
    np.save(folder / "x.npy", stores.face()[None].repeat(30, axis=0) * 60 + 100)
    return [folder / "x.npy"]


def _read_points(path: Path) -> object:
    from tkit.pipelines.animation.jobs import read_head

    return read_head(path, lambda *_, **__: None).shape


def _frames(folder: Path) -> list[Path]:
    np.save(folder / "x.npy", np.zeros((3, 16, 16, 3), np.uint8))
    return [folder / "x.npy"]


def _read_frames(path: Path) -> object:
    from tkit.media.frames import Reader

    return Reader(path).read(10).shape


def _pictures(folder: Path) -> list[Path]:
    from PIL import Image, PngImagePlugin

    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8))
    about = PngImagePlugin.PngInfo()
    about.add_text("comment", "drawn", zip=True)
    picture.save(folder / "x.png", pnginfo=about)
    for suffix in ("jpg", "bmp", "tif", "webp"):
        picture.save(folder / f"x.{suffix}")
    return sorted(folder.iterdir())


def _read_picture(path: Path) -> object:
    from tkit import media

    return media.read_image(path).ndim


def _clips(folder: Path) -> list[Path]:
    from tkit import media

    frames = np.random.default_rng(0).integers(0, 255, (6, 32, 48, 3), np.uint8)
    wave = np.sin(np.arange(4000) / 5).astype(np.float32)
    for suffix in ("mp4", "mkv", "avi"):
        media.write_video(folder / f"x.{suffix}", frames, wave=wave)
    return sorted(folder.iterdir())


def _read_clip(path: Path) -> object:
    from tkit import media

    return media.read_clip(path).fps


def _sounds(folder: Path) -> list[Path]:
    from scipy.io import wavfile

    wavfile.write(
        folder / "x.wav", 16000, np.round(8000 * np.sin(np.arange(8000) / 9)).astype("i2")
    )
    return [folder / "x.wav"]


def _read_sound(path: Path) -> object:
    from tkit import media

    return media.read_audio(path).ndim


def _archive(folder: Path) -> list[Path]:
    with zipfile.ZipFile(folder / "s1.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("s1/a.mpg", "s1/b.mpg"):
            archive.writestr(name, name.encode() * 200)
    return [folder / "s1.zip"]


def _unpack(path: Path) -> object:
    from tkit.prep.download import unpack

    target = path.parent.parent / "unpacked"
    shutil.rmtree(target, ignore_errors=True)
    return unpack(path, target)


BINARY = [
    Target("graph", _copied("deepspeech-0.2.pb", "deepspeech-0.9.pb"), _deepspeech),
    Target("pbmm", _pbmm, _deepspeech),
    Target("tflite", _copied("deepspeech-lite.tflite"), _deepspeech),
    Target("checkpoint", _checkpoint, _deepspeech),
    Target("trees", _trees, _fit_trees),
]
OTHERS = [
    Target("weights", _safetensors, _weights),
    Target("stage", _stages, _stage),
    Target("pth", _pth, _load_pth),
    Target("task", _task, _read_task),
    Target("mat", _example("niqe"), _mat),
    Target("svm", _example("brisque"), _svm, text=True),
    Target("store", _store, _read_store, checked=True),
    Target("old-store", _old_store, _read_store),
    Target("cache", _cache, _read_cache, checked=True),
    Target("run", _run, _read_run, checked=True),
    Target("losses", _losses, _read_losses, text=True),
    Target("card", _card, _read_card, text=True),
    Target("settings", _settings, _read_settings, text=True),
    Target("report", _report, _read_report, text=True),
    Target("series", _series, _read_series),
    Target("openface", _openface, _read_openface, text=True),
    Target("checksums", _checksums, _read_checksums, text=True),
    Target("manifest", _manifest, _read_manifest, text=True),
    Target("columns", _columns, _read_columns, text=True),
    Target("words", _words, _read_words, text=True),
    Target("labels", _labels, _read_labels, text=True),
    Target("points", _points, _read_points),
    Target("frames", _frames, _read_frames),
    Target("picture", _pictures, _read_picture),
    Target("clip", _clips, _read_clip),
    Target("sound", _sounds, _read_sound),
    Target("archive", _archive, _unpack),
]
TARGETS = {target.name: target for target in BINARY + OTHERS}
# Each try takes a process, in which OpenCV may fall: tried by hand.
BY_HAND = {"onnx": Target("onnx", _example("csim"), _onnx)}
