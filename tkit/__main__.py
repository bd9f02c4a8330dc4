"""``python -m tkit`` is the command ``tkit``."""

from tkit.cli import main

main()
