import json
import subprocess
import sys

import pytest

from tkit import cli
from tkit.errors import ConfigError

QUICK = ["--steps", 2, "--batch-size", 2, "--device", "cpu", "--threads", 1]


def run(capsys, *args):
    """Run a command in this process: exit code, stdout, stderr."""
    with pytest.raises(SystemExit) as caught:
        cli.main([str(arg) for arg in args])
    out, err = capsys.readouterr()
    return caught.value.code or 0, out, err


def one_line(text):
    assert "Traceback" not in text
    (line,) = text.strip().splitlines()
    return line


@pytest.mark.parametrize(
    "args",
    [["train", "--help"], ["train", "motion", "--help"], ["eval", "--help"], ["zoo", "list"]],
)
def test_help_loads_no_torch(args):
    code = (
        "import sys, runpy\nfrom tkit.cli import main\n"
        f"try: main({args!r})\nexcept SystemExit as end: assert not end.code, end.code\n"
        "assert not {'torch', 'cv2', 'dlib', 'h5py'} & set(sys.modules), 'heavy'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if args == ["train", "--help"]:
        for wanted in ("motion   Motion stage: learn", "blink", "texture", "Example:"):
            assert wanted in done.stdout


@pytest.mark.parametrize("stage", ["motion", "blink", "texture"])
def test_the_options_of_a_stage_are_the_fields_of_its_config(capsys, stage):
    from tkit.pipelines import STAGES
    from tkit.pipelines.training import config as configs

    code, out, _ = run(capsys, "train", stage, "--help")
    assert code == 0 and "Example:" in out
    for name in configs.fields(STAGES.get(stage).config):
        assert f"--{name.replace('_', '-')}" in out


def test_train_then_evaluate(capsys, tiny_store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "grid.h5").symlink_to(tiny_store)
    code, out, err = run(capsys, "train", "motion", *QUICK, "--widths", "4,6", "--no-pca-init")
    assert (
        code == 0
        and out == "runs/motion/weights.safetensors\n"
        and "\nmotion: 2 of 2 [" in err
        and err.startswith("motion: trains on ")
    )
    assert "\r" not in err and "loss=" in err
    text = (tmp_path / "runs/motion/config.toml").read_text()
    assert "widths = [4, 6]" in text and "pca_init = false" in text and "steps = 2 " in text

    code, _, err = run(capsys, "train", "motion", *QUICK)
    assert code == 2 and "--resume to continue it or --force" in one_line(err)
    # What is not said again stays as it was in the run that is resumed.
    code, out, _ = run(capsys, "train", "motion", "--resume", "--steps", 3)
    assert code == 0 and "steps = 3 " in (tmp_path / "runs/motion/config.toml").read_text()
    code, _, err = run(capsys, "train", "motion", "--resume", "--lr", 0.5)
    assert code == 2 and "lr was 0.002 and is 0.5" in one_line(err)

    code, out, _ = run(capsys, "eval", "motion", "--json", "-")
    found = json.loads(out)
    assert code == 0 and found["split"] == "val" and found["n_clips"] == 2
    names = {"lmd", "lmd_static", "lmd_mean_pose", "lmd_ratio", "opening_corr"}
    assert names <= found.keys()
    assert found["lmd_ratio"] == pytest.approx(found["lmd"] / found["lmd_static"])
    code, out, _ = run(
        capsys, "eval", "motion", "--data", tiny_store, "--split", "all",
        "--weights", "runs/motion/weights.safetensors", "--json", "m.json",
    )  # fmt: skip
    assert code == 0 and "lmd_static" in out
    assert json.loads((tmp_path / "m.json").read_text())["n_clips"] == 6
    code, _, err = run(capsys, "eval", "motion", "--json", "m.json")
    assert code == 2 and "m.json is already there" in one_line(err)

    code, out, _ = run(capsys, "zoo", "info", "runs/motion/weights.safetensors")
    assert code == 0 and 'net = "motion"' in out and 'speakers = ["a", "b"]' in out


def test_quiet_shows_no_progress(capsys, tiny_store, tmp_path):
    code, out, err = run(capsys, "train", "motion", *QUICK, "--data", tiny_store,
                         "--out", tmp_path / "run", "--quiet")  # fmt: skip
    assert (code, out, err) == (0, f"{tmp_path}/run/weights.safetensors\n", "")


@pytest.mark.parametrize("stage", ["motion", "blink", "texture"])
def test_the_help_of_a_stage_names_its_own_experiments_alone(capsys, stage):
    _, out, _ = run(capsys, "train", stage, "--help")
    text = "".join(out.split())
    others = {"motion", "blink", "texture"} - {stage}
    assert f"paper-{stage}" in text and not any(f"paper-{name}" in text for name in others)


def test_a_config_file_gives_values_and_flags_override(capsys, tiny_store, tmp_path):
    path = tmp_path / "f.toml"
    path.write_text("lr = 0.5\nbatch-size = 3\n")
    code, _, _ = run(capsys, "train", "motion", "--data", tiny_store, "--out", tmp_path / "run",
                     "--config", path, *QUICK)  # fmt: skip
    text = (tmp_path / "run" / "config.toml").read_text()
    assert code == 0 and "lr = 0.5 " in text and "batch_size = 2 " in text
    path.write_text("learning_rate = 0.5\nstep = 3\n")
    code, _, err = run(capsys, "train", "motion", "--data", tiny_store, "--config", path)
    assert code == ConfigError.exit_code == 2 and "unknown field 'learning_rate'" in one_line(err)
    code, _, err = run(capsys, "train", "motion", "--data", tiny_store, "--config", "paper-moton")
    assert code == 2 and "did you mean paper-motion" in one_line(err)


def test_wrong_usage_is_one_line(capsys, tiny_store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "tkit.zoo.released.cards.released", dict
    )  # as if none came with the package
    cases = [
        (["train", "motoin"], "did you mean motion"),
        (["train", "motion"], "grid.h5: no such store; make one with tkit prep"),
        (["train", "motion", "--data", tiny_store, "--train-split", "tain"], "no clips in split"),
        (["train", "motion", "--data", tiny_store, "--resume"], "no checkpoint to resume"),
        (["train", "motion", "--data", tiny_store, "--steps", -1], "steps is -1, less than 0"),
        (["eval", "motion", "--data", tiny_store], "no weights for motion"),
        (["eval", "motion", "--data", tiny_store, "--weights", "no"], "no such weight file"),
        (["eval", "moton", "--data", tiny_store], "did you mean motion"),
        (["zoo", "info", "nothing"], "no such weight file or released name"),
    ]
    for args, wanted in cases:
        code, _, err = run(capsys, *args)
        assert code == 2 and wanted in one_line(err), args
    code, _, err = run(capsys, "train", "motion", "--widths", "1,x", "--data", tiny_store)
    assert code == 2 and "is not a list like 1,2,3" in err
    assert not (tmp_path / "runs").exists()


def test_features_of_another_encoder_are_refused(capsys, tiny_store, stores, tmp_path):
    from dataclasses import replace

    other = stores.write_store(
        tmp_path / "other.h5", n_frames=30, encoder=replace(stores.ENCODER, name="drown")
    )
    for stage, refused in (("motion", True), ("blink", False)):  # blinks do not hear
        out = tmp_path / stage
        values = [*QUICK, "--sequence", 20]
        assert run(capsys, "train", stage, "--data", tiny_store, "--out", out, *values)[0] == 0
        code, stdout, err = run(capsys, "eval", stage, "--data", other, "--weights", out)
        if refused:
            assert code == 1 and "drown-1" in one_line(err) and "--speech drawn" in err
        else:
            assert code == 0 and "rate_real_hz" in stdout


def test_the_zoo_lists_and_verifies(capsys, tmp_path, monkeypatch):
    from tkit.zoo.released import cards

    assert run(capsys, "zoo", "verify")[0] == 0
    (tmp_path / "x.safetensors").write_bytes(b"junk")
    monkeypatch.setattr(cards, "released", lambda: {"x": tmp_path / "x.safetensors"})
    monkeypatch.setattr(cards, "card_path", lambda name: tmp_path / f"{name}.toml")
    code, out, err = run(capsys, "zoo", "verify")
    assert code == 1 and "not a card" in out and "not a weight file" in out
    assert "1 of 1 released weight files are broken" in one_line(err)
