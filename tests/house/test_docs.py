"""The documents are held to the software: no check, setting, command or option is missing, and none is made up."""

import re
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from pydantic import SecretStr

from commands import commands, mentions, options_of
from masspayout.service.doctor import CHECKS
from masspayout.settings import Settings
from places import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SECTION = re.compile(r"^## (.+?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"```[^\n]*\n(.*?)```|`([^`\n]+)`", re.DOTALL)
SETTING = re.compile(r"^\| `([A-Z_]+)` \| (.+?) \| (.+?) \|$", re.MULTILINE)
OPTION = re.compile(r"`(--[a-z-]+)")
LINK = re.compile(r"\]\(([^)#:]+)\)")
DEPENDS_ON_THE_MACHINE = "(the platform's user data folder)"


def read(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def sections(name: str) -> dict[str, str]:
    return dict(SECTION.findall(read(name)))


def code_lines(text: str) -> Iterator[str]:
    """Yield the lines of code blocks and what stands in backticks, but for what the doctor says when all is well."""
    for block, span in CODE.findall(text):
        yield from (line for line in (block or span).splitlines() if not line.startswith("ok  "))


def test_every_check_of_the_doctor_is_explained_in_its_order() -> None:
    assert list(sections("troubleshooting.md")) == [check.name for check in CHECKS]


@pytest.mark.parametrize("check", [check.name for check in CHECKS])
def test_an_explanation_says_what_why_and_what_to_do(check: str) -> None:
    section = sections("troubleshooting.md")[check]
    assert re.findall(r"^\*\*(\w+):\*\*", section, re.MULTILINE) == ["Means", "Why", "Do", "Then"]
    assert f"`ok  {check}: " in section
    assert [name for line in code_lines(section) for name, _ in mentions(line)]


def test_every_setting_is_listed_with_its_default() -> None:
    listed = {name: default for name, default, _ in SETTING.findall(read("settings.md"))}
    assert listed == {name.upper(): written(field.default) for name, field in Settings.model_fields.items()}


def written(default: object) -> str:
    if default is None:
        return "(unset)"
    if isinstance(default, SecretStr):
        return "(empty)"
    if isinstance(default, str | int | float):
        return f"`{default}`"
    return DEPENDS_ON_THE_MACHINE


def test_every_setting_is_described_as_in_the_software() -> None:
    described = {name: meaning for name, _, meaning in SETTING.findall(read("settings.md"))}
    for name, field in Settings.model_fields.items():
        sentence = str(field.description).split(" Default:")[0]
        assert described[name.upper()].startswith(sentence), name


def test_the_drawing_of_the_rooms_is_current() -> None:
    specification = spec_from_file_location("draw_rooms", ROOT / "docs" / "draw_rooms.py")
    assert specification is not None
    assert specification.loader is not None
    draw_rooms = module_from_spec(specification)
    specification.loader.exec_module(draw_rooms)
    document = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert document == draw_rooms.redrawn(document), "draw them anew with: make rooms"
    assert len(draw_rooms.drawing().splitlines()) <= 60, "one screen"


def test_every_command_has_a_section() -> None:
    assert sorted(sections("commands.md")) == sorted(f"masspayout {name}" for name in commands())


@pytest.mark.parametrize("name", commands())
def test_every_option_of_a_command_is_explained_and_none_is_made_up(name: str) -> None:
    section = sections("commands.md")[f"masspayout {name}"]
    explained = {option for line in section.splitlines() if line.startswith("- ") for option in OPTION.findall(line)}
    assert explained == options_of(commands()[name])
    examples = [found for line in code_lines(section) for found, _ in mentions(line)]
    assert examples == [name]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_tells_to_type_can_be_typed(path: Path) -> None:
    for line in code_lines(path.read_text(encoding="utf-8")):
        for name, options in mentions(line):
            assert name in commands(), line
            assert options <= options_of(commands()[name]), line


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    broken = [link for link in LINK.findall(path.read_text(encoding="utf-8")) if not (path.parent / link).exists()]
    assert not broken


@pytest.mark.parametrize("document", ["docs/access.md", "docs/audit.md"])
def test_attacks_are_tried_by_tests_that_there_are(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    rows = re.findall(r"^\|.*\| ((?:`tests/\S+\.py`(?:, )?)+) \|$", text, re.MULTILINE)
    assert len(rows) >= 8
    named = {name for row in rows for name in re.findall(r"`(\S+)`", row)}
    assert {name for name in named if not (ROOT / name).is_file()} == set()
