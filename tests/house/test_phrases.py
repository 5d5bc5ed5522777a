"""What people read uses the words of the field: no page, error, command or document says what ``phrases.py`` lists."""

import pytest

from house import phrases
from places import PACKAGE, ROOT

# The docstrings that people read: help of commands, and descriptions in the API.
READ = ("cli", "api")


def test_no_text_of_the_software_has_a_phrase_that_was_replaced() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: {phrase}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for line, text in phrases.literals(path, with_docstrings=path.relative_to(PACKAGE).parts[0] in READ)
        for phrase in phrases.found_in(text)
    ]
    assert not found, "\n".join(found)


def test_no_document_has_a_phrase_that_was_replaced() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").rglob("*.md")]
    found = [
        f"{path.relative_to(ROOT)}:{line}: {phrase}"
        for path in sorted(documents)
        for line, text in phrases.paragraphs(path)
        for phrase in phrases.found_in(text)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "Waits",
        "Mend these rows.",
        "Payouts that wait for a person.",
        "The role treasury is let in.",
        "Approve of it when it is due.",
        "Say --hash 3f",
        "The amount is missing: how much is to be paid out?",
    ],
)
def test_a_phrase_that_was_replaced_is_found(text: str) -> None:
    assert phrases.found_in(text)


@pytest.mark.parametrize("text", ["Recommended.", "Fix these rows.", "Waits for approval", "The payer signs in."])
def test_other_phrases_are_left_alone(text: str) -> None:
    assert not phrases.found_in(text)
