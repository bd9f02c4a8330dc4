"""The one training loop, its settings, run folders and results."""
