"""Draws ``docs/demo.svg`` from the demo's own output: ``make picture``."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

_COLUMNS = 118
# Rich's own frame, without the fonts that it would fetch from elsewhere.
_FRAME = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix text {{ white-space: pre; }}
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g>
</g>
</svg>
"""


def draw(target: Path) -> None:
    """Run the demo in a data folder of its own and draw what a terminal would show."""
    with tempfile.TemporaryDirectory() as data_dir:
        shown = subprocess.run(
            [sys.executable, "-m", "masspayout", "demo"],
            env={**os.environ, "DATA_DIR": data_dir, "FORCE_COLOR": "1", "COLUMNS": str(_COLUMNS)},
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ).stdout.decode()
    # A progress bar is drawn over and over; of each, the last drawing stays.
    lines = [re.split(r"\r(?:\x1b\[2K)?", line)[-1] for line in shown.split("\n")]
    # Not every viewer keeps the spaces at the beginning of a line.
    shown = "\n".join(re.sub(r"^ +", lambda spaces: "\N{NO-BREAK SPACE}" * len(spaces[0]), line) for line in lines)
    console = Console(record=True, width=_COLUMNS, file=Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
    console.print(Text.from_ansi("$ make demo\n\n" + shown.rstrip()))
    console.save_svg(str(target), title="make demo", theme=MONOKAI, code_format=_FRAME, unique_id="demo")


if __name__ == "__main__":
    draw(Path(__file__).parent / "demo.svg")
