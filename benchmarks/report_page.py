"""A large report as a page: how large it is, and how soon it can be used.

    python benchmarks/report_page.py [--clips 1000] [--methods 4] [--frames 75] [--tries 5]

The report is drawn: every clip has scores of all rows in eight metrics, and curves of the ground
truth and all methods. The page is opened from the disk in Chromium (selenium, /usr/bin/chromium and
its driver); it can be used when its script has filled the table and shown the worst clip.
Targets: less than 3 s, less than 20 MB.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from tkit.report import CONTROL_ROWS, Cell, ClipScore, Report, SpeakerScore, page
from tkit.report.series import ClipSeries, Curves

METRICS = {
    "psnr": "higher", "ssim": "higher", "cpbd": "closer", "lmd": "lower", "mouth-opening": "lower",
    "blink-rate": "closer", "blink-duration": "closer", "jitter": "closer",
}  # fmt: skip


def drawn(n_clips: int, n_methods: int, n_frames: int) -> Report:
    rng = np.random.default_rng(0)
    preds = [f"method-{index}" for index in range(n_methods)]
    rows = [*preds, *CONTROL_ROWS]
    clips = [f"s{1 + index % 33}/clip{index:05d}" for index in range(n_clips)]
    cells = {
        row: {
            metric: Cell(*np.sort(rng.random(3))[[1, 0, 2]].tolist(), n_clips, "", better, metric)
            for metric, better in METRICS.items()
        }
        for row in rows
    }
    scores = [
        ClipScore(row, clip, metric, float(rng.random()), n_frames)
        for row in rows for clip in clips for metric in METRICS
    ]  # fmt: skip
    speakers = [
        SpeakerScore(row, f"s{1 + index}", metric, float(rng.random()), n_clips // 33)
        for row in rows for index in range(33) for metric in METRICS
    ]  # fmt: skip
    series = {}
    for clip in clips:
        curves = {}
        for row in ["gt", *preds]:
            values = rng.random((3, n_frames)).astype(np.float32)
            curves[row] = Curves(*values, onsets_s=(1.0,), durations_s=(float(rng.random()),))
        series[clip] = ClipSeries(clip, 25.0, "% IOD", curves)
    return Report("drawn", cells, clips=scores, speakers=speakers, series=series)


def seconds_to_open(path: Path) -> float:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    try:
        start = time.perf_counter()
        driver.get(path.resolve().as_uri())
        while not driver.execute_script(
            "return document.querySelector('#player-clip').textContent"
        ):
            time.sleep(0.01)
        return time.perf_counter() - start
    finally:
        driver.quit()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clips", type=int, default=1000)
    parser.add_argument("--methods", type=int, default=4)
    parser.add_argument("--frames", type=int, default=75)
    parser.add_argument("--tries", type=int, default=5)
    args = parser.parse_args()
    report = drawn(args.clips, args.methods, args.frames)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        start = time.perf_counter()
        page.write(report, path)
        print(f"{args.clips} clips x {args.methods} methods, {args.frames} frames")
        print(f"written in  {time.perf_counter() - start:6.2f} s")
        print(f"size        {path.stat().st_size / 1e6:6.2f} MB  (target < 20)")
        opened = [seconds_to_open(path) for _ in range(args.tries)]
        print(f"opened in   {statistics.median(opened):6.2f} s   (median of {args.tries}, from "
              f"{min(opened):.2f} to {max(opened):.2f}; target < 3)")  # fmt: skip


if __name__ == "__main__":
    main()
