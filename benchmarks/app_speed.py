"""How fast the app is: from the press to the first frame, and frames a second into the browser.

    python benchmarks/app_speed.py [--image face.png] [--audio speech.wav] [--threads 2] [--tries 5]

Everything between the request of a browser and its messages, in turns with the bare network on the
same machine, so that the share that the network takes is known on a loaded machine too. **first**:
milliseconds from the press to the first message, once the photo and the sound were chosen.
**frames/s**: pictures, attention maps and the H.264 of the finished video. **CPU**: milliseconds of
processor time a frame, of all threads, at which 2 cores give 2000 / CPU frames a second. Without
``--image`` the astronaut of scikit-image speaks, without ``--audio`` noise is heard for 6 s.
"""

from __future__ import annotations

import argparse
import io
import json
import wave
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import numpy as np
import torch

HERE = "http://127.0.0.1:8100"


def main() -> None:
    """Measure and print one line a size of the photo."""
    import cv2
    from starlette.testclient import TestClient

    from tkit.pipelines.app import server
    from tkit.pipelines.app.booth import Booth

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--image", type=Path)
    parser.add_argument("--audio", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tries", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(args.threads)
    booth = Booth({"motion": None, "blink": None, "texture": None})
    booth.warm_up()
    sound = args.audio.read_bytes() if args.audio else noise()
    photos = [args.image.read_bytes()] if args.image else [astronaut(256), astronaut(512)]
    with TestClient(server.app(booth, None), base_url=HERE, headers={"origin": HERE}) as client:
        page = client.get("/").text
        client.headers["x-csrf-token"] = page.partition('name="csrf" content="')[2][:64]
        print(f"{'photo':>11}{'first, ms':>11}{'worst':>7}{'frames/s':>10}{'CPU, ms':>9}", end="")
        print(f"{'network':>9}")
        for photo in photos:
            taken = client.post("/photo", content=photo).json()
            heard = client.post("/sound", content=sound).json()
            asked = {"photo": taken["photo"], "sound": heard["sound"]}
            client.post("/listen", content=json.dumps(asked))
            found = []
            for _ in range(args.tries):
                found.append((*spoken(client, asked), network(booth, asked["photo"])))
            first, rate, cpu, alone = (list(column) for column in zip(*found, strict=True))
            size = f"{taken['width']} x {taken['height']}"
            print(f"{size:>11}{median(first):11.0f}{max(first):7.0f}{median(rate):10.1f}"
                  f"{median(cpu):9.1f}{median(alone):9.1f}", flush=True)  # fmt: skip


def spoken(client, asked: dict[str, str]) -> tuple[float, float, float]:
    """Milliseconds to the first frame, frames a second, milliseconds of processor time a frame."""
    headers = {"origin": HERE, "host": "127.0.0.1:8100"}
    start, cpu = perf_counter(), process_time()
    with client.websocket_connect("/speak", headers=headers) as socket:
        socket.send_text(json.dumps({"csrf": client.headers["x-csrf-token"], **asked}))
        socket.receive_bytes()
        first, count = perf_counter(), 1
        while (message := socket.receive()).get("text") is None:
            count += message["bytes"][0] == 0
    took = perf_counter() - start
    return (first - start) * 1e3, count / took, (process_time() - cpu) / count * 1e3


def network(booth, photo: str) -> float:
    """Milliseconds of processor time a frame of the texture network with its drawings."""
    faces = np.repeat(booth.photos[photo].person.points[None], 24, axis=0)
    cpu = process_time()
    booth.photos[photo].render(faces)
    return (process_time() - cpu) / len(faces) * 1e3


def noise() -> bytes:
    """Six seconds as a WAV file."""
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(np.random.default_rng(0).normal(0, 1500, 96000).astype("<i2").tobytes())
    return data.getvalue()


def astronaut(size: int) -> bytes:
    """A public-domain photo of so many pixels a side, as PNG."""
    from PIL import Image
    from skimage import data

    encoded = io.BytesIO()
    whole = data.astronaut()
    Image.fromarray(whole if size == 512 else whole[:256, 96:352]).save(encoded, "PNG")
    return encoded.getvalue()


if __name__ == "__main__":
    main()
