"""``python -m masspayout`` is the same as the ``masspayout`` command."""

from masspayout.cli import main

main()
