"""Phrases that pages, commands, errors and documents do not use any more, with the words instead."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

# Patterns of what no sentence says, and what it says instead.
REPLACED = (
    (r"\bmend(s|ed|ing)?\b", "fix"),
    (r"\b(for|on) a person\b|\bnobody is waited for\b|\bwaits for you\b", "needs attention"),
    (r"\bsomebody( is)? unpaid\b|\bnobody of distribution\b", "5 holders unpaid"),
    (r"\bwho gets what is fixed\b", "amounts locked"),
    (r"\b(keep|keeps|kept)( \S+)? out\b", "deactivate"),
    (r"\b(let|lets) (\S+ )?in\b(?! (a|the) )", "sign in, connect, use"),
    (r"\b(come|comes|came) in (by|with|as|over|again)\b|\bmay (log|come) in\b", "sign in with"),
    (r"\b(log|logs|logged|logging) in\b", "sign in"),
    (r"\bI have kept it\b", "Done, I have saved it"),
    (r"\bmake an? (API )?token\b", "create a token"),
    (r"\bnobody is told\b|\btell(s)? another system\b|\btold nothing\b", "webhook"),
    (r"\btakes? nothing since\b|\bhears? of\b", "accepts, gets, events"),
    (r"\bgood (until|for one|once)\b", "expires, works once"),
    (r"\bholders' part\b", "share"),
    (r"\bpa(y|id) (\S+ )?all the same\b", "also pay, also paid"),
    (r"\bthe same for every(one|body)\b", "equal amounts"),
    (r"\bleast (deposit|amount)\b", "minimum deposit"),
    (r"\brounded away\b", "rounded to zero"),
    (r"\bfunds (suffice|do not suffice)\b", "sufficient funds, insufficient funds"),
    (r"\bas things stand\b", "now"),
    (r"\bthe chosen\b|\bwho was chosen\b", "the selected holders"),
    (r"\bcounts? no more\b", "no longer counts"),
    (r"\bwhich may not (plan|execute|approve|manage|view)\b|\bnot for your role\b", "needs the role"),
    (r"\bthe rest of it with\b", "held by"),
    (r"\bnot be paid on\b", "payouts cannot be made to its holders"),
    (r"\bapprov(e|es|ed) of\b", "approve"),
    (r"\bcall(s|ed)? off\b|\bcall it off\b", "cancel"),
    (r"^Say \S+|\bSay --", "Add --amount 10"),
    (r"\bis missing: (how|when|what)\b", "is missing"),
)
# Labels that no page, column or choice bears.
LABELS = frozenset(
    {
        "At a time",
        "Begins with",
        "By hand",
        "Catches up",
        "Comes in by",
        "Good until",
        "Kept out",
        "Light or dark",
        "Make it",
        "On a calendar",
        "On a deposit",
        "Started by",
        "The first one",
        "The last one",
        "Waits",
        "What it is for",
    }
)
# The words of others, which are recognised by them.
FOREIGN = frozenset({"is not permitted to log in"})


def found_in(text: str) -> list[str]:
    """Return the phrases in a text that are not used any more, with the words instead."""
    if text in FOREIGN:
        return []
    if text in LABELS:
        return [f"{text!r}: a label that was replaced"]
    hits = ((re.search(pattern, text, re.IGNORECASE), words) for pattern, words in REPLACED)
    return [f"{hit[0]!r}: {words}" for hit, words in hits if hit]


def literals(path: Path, *, with_docstrings: bool) -> Iterator[tuple[int, str]]:
    """Yield each text of a module with its line; docstrings only where people read them, as help."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if with_docstrings or id(node) not in docstrings:
                yield node.lineno, " ".join(text.split())


def paragraphs(path: Path) -> Iterator[tuple[int, str]]:
    """Yield each paragraph of a document, with the line on which it begins."""
    line = 1
    for paragraph in path.read_text(encoding="utf-8").split("\n\n"):
        yield line, " ".join(paragraph.split())
        line += paragraph.count("\n") + 2
