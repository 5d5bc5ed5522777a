"""Docstrings name their thing by its noun, or say by a verb what is done. The words are in ``language.py``."""

import pytest

from house import language
from places import PACKAGE


def test_docstrings_begin_with_a_noun_or_a_verb() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: {', '.join(words)}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for line, docstring in language.docstrings(path)
        if (words := language.wrong_starts(docstring))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "docstring",
    [
        "Whether a person may approve.",
        "``Who`` acts.",
        "Return the actor. Whoever asks gets the same.",
        "An actor.\n\n    Args:\n        name: What people call them.",
    ],
)
def test_a_clause_without_its_noun_is_found(docstring: str) -> None:
    assert language.wrong_starts(docstring)


@pytest.mark.parametrize("docstring", ["Return whether it is due.", "Return the unpaid holders, whatever they hold."])
def test_other_sentences_are_left_alone(docstring: str) -> None:
    assert not language.wrong_starts(docstring)
