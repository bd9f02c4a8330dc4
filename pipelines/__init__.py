"""Pipelines: what knows data and networks together. The trainable stages, and animation."""

from tkit.pipelines.training.stage import STAGES, Stage

__all__ = ["STAGES", "Stage"]
