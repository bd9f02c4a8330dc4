"""Seeds and random generators that depend on names, not on what ran before."""

from __future__ import annotations

import hashlib

import numpy as np


def stable_seed(seed: int, *names: str) -> int:
    """Return a seed from ``seed`` and names alone: the same in every process and on every day."""
    # SHA-256 rather than hash(): Python salts its string hash per process.
    digest = hashlib.sha256("\0".join([str(seed), *names]).encode()).digest()
    return int.from_bytes(digest[:8], "little")


def generator(seed: int, *names: str) -> np.random.Generator:
    """Return the random generator of one named thing (usually a clip id) under ``seed``."""
    return np.random.default_rng(stable_seed(seed, *names))
