"""Drawn eye aspect ratios for golden numbers; each is told by its seed alone."""

import numpy as np


def drawn_trace(seed: int) -> np.ndarray:
    """EAR of 60 to 199 frames: up to seven falls of one to four frames, and noise up to .05."""
    rng = np.random.default_rng(seed)
    ear = np.full(int(rng.integers(60, 200)), rng.uniform(0.22, 0.38))
    for start in rng.integers(0, len(ear) - 10, rng.integers(0, 8)):
        falls, rises = rng.integers(1, 5, 2)
        shape = np.r_[np.linspace(1, 0, falls + 1), np.linspace(0, 1, rises + 2)[1:]]
        share = 1 - rng.uniform(0.3, 0.9) * (1 - shape)
        ear[start : start + len(share)] *= share[: len(ear) - start]
    return ear + rng.normal(0, rng.choice([0, 0.005, 0.01, 0.02, 0.05]), len(ear))
