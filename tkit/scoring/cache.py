"""Keep the statistics of finished clips in a folder, and look them up.

A clip is known again by a hash of everything its statistics depend on: the plan with the versions
of tkit and of the landmark back-end, and path, size and time of change of its files, or their URLs
and what the server says of them. Behind them stands their SHA-256; a clip whose statistics have
changed is measured again.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from tkit import __version__, remote
from tkit.errors import Fault, guarded
from tkit.files import atomic_path, require_room, sweep
from tkit.metrics import Stats
from tkit.parsing import from_json as parsed
from tkit.parsing import sealed, unsealed
from tkit.remote import Place
from tkit.report import Unscored
from tkit.report.series import pack, unpack
from tkit.scoring.measuring import Measured, Plan
from tkit.scoring.pairing import ClipFiles
from tkit.scoring.view import points_tokens

DAMAGED = (ValueError, LookupError, TypeError, AttributeError)
Measure = Callable[[ClipFiles[Place], Plan], Measured]


def remembering(measure: Measure, folder: Place) -> Measure:
    """Return ``measure`` with results kept in ``folder``, if that can be written."""
    if isinstance(folder, Path):
        require_room(folder)
        sweep(folder)
        return _Remembering(measure, folder.absolute())
    remote.require_room(folder)
    return _Remembering(measure, folder)


class _Remembering:
    def __init__(self, measure: Measure, folder: Place) -> None:
        self._measure, self._folder = measure, folder

    def __call__(self, files: ClipFiles[Place], plan: Plan) -> Measured:
        place = _place(files, plan, self._folder)
        if kept := _read(place):
            with suppress(*DAMAGED):  # then it is measured again
                return unpacked(kept)
        measured = self._measure(files, plan)
        if not measured.machine:  # else it is tried again
            _write(place, packed(measured))
        return measured


def is_kept(files: ClipFiles[Place], plan: Plan, folder: Place) -> bool:
    """Whether there is a file of the statistics of a clip."""
    place = _place(files, plan, folder)
    return place.is_file() if isinstance(place, Path) else remote.read(place) is not None


def _place(files: ClipFiles[Place], plan: Plan, folder: Place) -> Place:
    return remote.below(folder, PurePath(f"{key(files, plan)}.json"))


def _read(place: Place) -> bytes | None:
    if isinstance(place, Path):
        return place.read_bytes() if place.is_file() else None
    return remote.read(place)


def _write(place: Place, content: bytes) -> None:
    if isinstance(place, Path):
        with atomic_path(place) as temporary:
            temporary.write_bytes(content)
    else:
        remote.write(place, content)


def key(files: ClipFiles[Place], plan: Plan) -> str:
    """Hash of what the statistics of a clip depend on."""
    protocol = plan.protocol
    metrics = [[name, plan.entries[name].tokens(params)] for name, params in plan.metrics.items()]
    framing = [
        protocol.crop,
        protocol.resize,
        protocol.stretch,
        protocol.points_in,
        protocol.length,
        protocol.size,
    ]
    landmarks = [points_tokens(plan.front_ends, view) for view in sorted(plan.views)]
    about = [
        __version__, landmarks, metrics, framing, protocol.fps, plan.rows, plan.recode,
         files.clip, files.missing, _state(files.gt), _state(files.audio), _state(files.source),
         _state(files.other),
        [[method, _state(path)] for method, path in files.preds.items()],
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:32]


def _state(path: Place | Fault | None) -> list[Any]:
    if path is None or isinstance(path, Fault):
        return [path and path.reason]
    if isinstance(path, str):
        found = guarded(remote.version, path)
        return [path, found.reason if isinstance(found, Fault) else found]
    if path.is_dir():
        return [str(path), [_state(entry) for entry in sorted(path.iterdir())]]
    about = path.stat()
    return [str(path), about.st_size, about.st_mtime_ns]


def packed(measured: Measured) -> bytes:
    """Content of a clip's file: its statistics and their SHA-256."""
    return sealed(to_json(measured).encode())


def unpacked(data: bytes) -> Measured:
    """Read what :func:`packed` made; one of ``DAMAGED`` if it has changed."""
    return from_json(unsealed(data).decode())


def to_json(measured: Measured) -> str:
    """Write the statistics of one clip; arrays are kept to the bit.

    The scores of a family share their statistics, and so do methods that have none of their own:
    each is written once, and its number wherever it stands.
    """
    sums: list[Stats] = []
    numbers: dict[int, int] = {}  # by identity: sharing is what measuring made
    for found in measured.stats.values():
        for stats in found.values():
            if id(stats) not in numbers:
                numbers[id(stats)] = len(sums)
                sums.append(stats)
    content = {
        "clip": measured.clip,
        "sums": sums,
        "stats": {
            method: {score: numbers[id(stats)] for score, stats in found.items()}
            for method, found in measured.stats.items()
        },
        "rejects": [vars(reject) for reject in measured.rejects],
        "series": pack([measured.series]) if measured.series else {},
    }
    return json.dumps(_packed(content))


def from_json(text: str) -> Measured:
    """Read what :func:`to_json` wrote."""
    content = _unpacked(parsed(text))
    rejects = [Unscored(**reject) for reject in content["rejects"]]
    sums = content["sums"]
    stats = {
        method: {score: sums[number] for score, number in places.items()}
        for method, places in content["stats"].items()
    }
    kept = unpack(content["series"]).values() if content["series"] else ()
    return Measured(content["clip"], stats, rejects, series=next(iter(kept), None))


def _packed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _packed(part) for name, part in value.items()}
    if isinstance(value, np.ndarray):
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return {"#array": data, "dtype": value.dtype.str, "shape": value.shape}
    if isinstance(value, tuple):
        return {"#tuple": [_packed(part) for part in value]}
    if isinstance(value, list):
        return [_packed(part) for part in value]
    return value.item() if isinstance(value, np.generic) else value


def _unpacked(value: Any) -> Any:
    if isinstance(value, list):
        return [_unpacked(part) for part in value]
    if not isinstance(value, dict):
        return value
    if "#tuple" in value:
        return tuple(_unpacked(part) for part in value["#tuple"])
    if "#array" in value:
        data = np.frombuffer(base64.b64decode(value["#array"]), value["dtype"])
        return data.reshape(value["shape"]).copy()
    return {name: _unpacked(part) for name, part in value.items()}
