"""How the front ends ``lipseg`` and ``chars29`` were made; not in the wheel."""
