"""Draws the rooms of the source in ARCHITECTURE.md anew, from the import contract and their own words: make rooms."""

import ast
import re
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "masspayout"
DOCUMENT = ROOT / "ARCHITECTURE.md"

_DRAWING = re.compile(r"(?<=```rooms\n).*?(?=```\n)", re.DOTALL)
_INDENT, _WIDTH = 16, 132


def layers() -> list[list[str]]:
    """Return the rooms of each floor, the uppermost first, as the import contract has them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = [each for each in project["tool"]["importlinter"]["contracts"] if each["type"] == "layers"]
    return [re.findall(r"\w+", layer) for layer in contract["layers"] if not layer.startswith("__")]


def drawing() -> str:
    """Return one block of lines for each room: what it is for, and the files in it."""
    return "\n".join(line for floor in layers() for room in floor for line in _lines_of(room)) + "\n"


def redrawn(document: str) -> str:
    """Return the document with its drawing made anew."""
    return _DRAWING.sub(lambda _: drawing(), document)


def _lines_of(room: str) -> Iterator[str]:
    folder = PACKAGE / room
    words, files = _words(folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")), ""
    if folder.is_dir():
        names = {path.stem for path in folder.iterdir() if not path.name.startswith("_") and path.name != "py.typed"}
        files = " · ".join(sorted(names))
    yield f"{room:<{_INDENT}}{words}"
    for line in textwrap.wrap(files, _WIDTH - _INDENT):
        yield " " * _INDENT + line


def _words(path: Path) -> str:
    """Return the first sentence of a room's docstring, without its name."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    sentence = docstring.split("\n\n")[0].replace("\n", " ").split(". ")[0].rstrip(".")
    words = re.sub(r"^(The )?[\w` ]{1,25}: |^The (?=[a-z])", "", sentence).replace("``", "")
    return words[0].lower() + words[1:]


if __name__ == "__main__":
    DOCUMENT.write_text(redrawn(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
