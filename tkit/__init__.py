"""tkit: prepare the corpora, train the models and score the results of talking-face research."""

__version__ = "0.2.0"
