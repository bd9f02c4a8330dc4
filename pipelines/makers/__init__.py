"""How the front ends ``lipseg`` and ``chars29`` were made; not in the wheel.

Neither reads a store, and each trains in its own way, so they are no stages. They run from a
checkout of the repository that is installed in place (``pip install -e .``)::

    python -m tkit.pipelines.makers.lipseg --help
    python -m tkit.pipelines.makers.chars29 --help
"""
