"""Scores of parts of the clips, by the texts of columns."""

import json

import numpy as np
import pytest
import remotes

from tkit import clips, scoring
from tkit.errors import UsageError
from tkit.report import Report, grid, tables
from tkit.scoring.statistics import parts as parting

CLIPS = [f"s{speaker}/{name}" for speaker in range(1, 7) for name in "ab"]
SEX = {"s1": "female", "s2": "female", "s3": "female", "s4": "male", "s5": "male"}


def frames(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twelve clips of six speakers, a prediction of all, and tables of columns."""
    root = tmp_path_factory.mktemp("strata")
    for index, clip in enumerate(CLIPS):
        for kind, shift in (("gt", 0), ("pred", 100)):
            path = root / kind / f"{clip}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, frames(index + shift))
    rows = ["speaker,sex,age", *(f"{name},{sex}," for name, sex in SEX.items())]
    (root / "speakers.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    rows = ["clip\tpart", *(f"{clip}\t{'odd' if index % 2 else 'even'}"
                            for index, clip in enumerate(CLIPS))]  # fmt: skip
    (root / "clips.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def report(folder):
    return scoring.score(
        {"ours": folder / "pred"}, folder / "gt", metrics=["psnr", "ssim"], rows=["gt"],
        by="sex", columns=folder / "speakers.csv",
    )  # fmt: skip


def test_a_stratum_has_the_mean_the_number_and_the_interval_of_its_clips_alone(report, folder):
    assert [(part.column, part.text) for part in report.strata] == [
        ("sex", "female"), ("sex", "male"), ("sex", "unknown"),
    ]  # fmt: skip
    values = {c.clip: c.value for c in report.clips if (c.method, c.metric) == ("ours", "psnr")}
    for part in report.strata:
        own = [values[clip] for clip in CLIPS if SEX.get(clip[:2], "unknown") == part.text]
        cell = part.methods["ours"]["psnr"]
        assert (cell.n, cell.value) == (len(own), pytest.approx(np.mean(own)))
        assert part.methods["gt"]["ssim"].value == 1.0
    female, male, unknown = (part.methods["ours"]["psnr"] for part in report.strata)
    assert female.low < female.value < female.high  # of three speakers
    assert male.low is None and male.note == "no interval: 2 speakers are too few"
    assert unknown.note == "no interval: 1 speaker is too few"


def test_strata_stand_in_every_format_and_are_read_back(report):
    text = report.to_json()
    assert Report.from_json(text) == report
    female = json.loads(text)["strata"][0]
    assert (female["column"], female["text"]) == ("sex", "female")
    assert female["methods"]["ours"]["psnr"]["n"] == 6
    shown = report.table()
    assert "method      sex  clips" in shown and "ours     female      6" in shown
    assert "sex male: no interval: 2 speakers are too few" in shown
    assert "| ours | female | 6 |" in tables.as_markdown(report)
    (by_sex,) = grid.of_strata(report)
    assert by_sex.label == "scores by sex" and len(by_sex.parts) == 3
    assert [cell.text for cell in by_sex.parts[0][0].cells][:2] == ["female", "6"]


def test_damaged_strata_are_no_report(report):
    for damage in (
        lambda part: part["methods"].pop("gt"),
        lambda part: part["methods"]["ours"].pop("psnr"),
        lambda part: part.pop("text"),
    ):
        content = json.loads(report.to_json())
        damage(content["strata"][0])
        with pytest.raises(tables.ScoreError, match="not a JSON report"):
            Report.from_json(json.dumps(content))


def test_a_clip_of_its_own_column_goes_before_its_speaker(folder):
    columns = {"s1": {"sex": "female"}, "s1/b": {"sex": "male"}}
    parts = parting.of_clips(["s1/a", "s1/b", "s9/c"], columns, ["sex"])
    assert parts == {"sex": {"female": ["s1/a"], "male": ["s1/b"], "unknown": ["s9/c"]}}


def test_columns_are_read_from_tables_manifests_and_stores(folder, tiny_store, tmp_path):
    assert parting.read(folder / "clips.tsv")["s1/b"] == {"part": "odd"}
    assert parting.read(folder / "speakers.csv")["s4"] == {"sex": "male"}
    about = clips.columns(emotion="glad")
    clips.write_manifest(tmp_path / "m.jsonl", [clips.Clip("s1/a", "s1", "a.mp4", columns=about)])
    assert parting.read(tmp_path / "m.jsonl") == {"s1/a": {"emotion": "glad"}}
    assert parting.read(tiny_store)


def test_the_sex_of_speakers_of_grid_is_known_without_a_table(tmp_path):
    for clip in ("s1/bbaf2n", "s4/bbaf3s"):
        (tmp_path / clip).parent.mkdir()
        (tmp_path / f"{clip}.mpg").touch()
    with remotes.in_memory(tmp_path) as url:
        for root in (tmp_path, url):
            columns = parting.of_corpus(root)
            parts = parting.of_clips(["s1/bbaf2n", "s4/bbaf3s"], columns, ["sex"])
            assert parts["sex"] == {"female": ["s4/bbaf3s"], "male": ["s1/bbaf2n"]}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"by": "sexx", "columns": "speakers.csv"}, "no column 'sexx'; did you mean sex"),
        ({"by": "sex"}, "nothing is known of the clips .* give --columns"),
        ({"columns": "speakers.csv"}, "give --by, too"),
        ({"by": "sex", "columns": "none.csv"}, "none.csv"),
        ({"by": "a", "columns": "bad/head.csv"}, "the first line names the columns"),
        ({"by": "a", "columns": "bad/short.csv"}, "row 2: 1 cells, the first row has 2"),
        ({"by": "a", "columns": "bad/twice.tsv"}, "row 3: s1 is named twice"),
    ],
)
def test_what_parts_no_clips_is_refused_in_one_line(folder, given, said):
    (folder / "bad").mkdir(exist_ok=True)
    (folder / "bad" / "head.csv").write_text("sex\nmale\n")
    (folder / "bad" / "short.csv").write_text("clip,a\ns1\n")
    (folder / "bad" / "twice.tsv").write_text("speaker\ta\ns1\tx\ns1\ty\n")
    if "columns" in given:
        given = given | {"columns": folder / given["columns"]}
    with pytest.raises(UsageError, match=said) as error:
        scoring.score({"ours": folder / "pred"}, folder / "gt", metrics=["psnr"], **given)
    assert "\n" not in str(error.value)


def test_the_command_parts_clips_without_truth_too(folder, run):
    code, shown, err = run("score", "--pred", folder / "pred", "--metrics", "si", "--by", "part",
                           "--columns", folder / "clips.tsv")  # fmt: skip
    assert code == 0, err
    assert "pred    even      6" in shown and "pred     odd      6" in shown
