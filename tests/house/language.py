"""Language of identifiers and docstrings: the field's words, and the private ones that they replaced.

``docs/glossary.md`` says what the words mean. Each row of ``REPLACED`` is a pattern over identifiers, and the words to
use in its place. Settings keep their names, for other people's scripts rely on them: they are in ``FIXED``. Docstrings
do not begin with the words of ``NO_FIRST_WORDS``, nor their sentences with those of ``NO_SENTENCE_STARTS``.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

REPLACED = (
    (r"(^|_)doors?(_|$)|Door|(^|_)let_in(_|$)|(^|_)believ", "authentication, credential cache"),
    (r"^_?GuardedRoute", "AuthenticatedRoute"),
    (r"[a-z](Shown|Given|Wish|Made)$|^(Shown|Given)$", "…Response, …Request"),
    (r"[a-z]Here$", "…Dep"),
    (r"(^|_)houses?(_|$)|^House|(^|_)visits?(_|$)|^Visit", "page registry, page context; installation"),
    (r"(^|_)refusals(_|$)|^is_refusal$", "connection errors, failures"),
    (
        r"(^|_)happenings?(_|$)|(^|_)mortals?(_|$)|Mortal|(^|_)stor(y|ies)(_|$)|Story|(^|_)executioner",
        "see the glossary",
    ),
    (r"^list_payouts$|^_?lists$|^Lists$|^ListUpload$", "payout lists, CSV import, read models"),
    (r"(^|_)looks?(?!_up)(_|$)", "polls, poll_seconds, lookups"),
    (r"(^|_)foresee|Foreseen|(^|_)obstacles?(_|$)|Obstacle", "preflight result, failures"),
    (r"(^|_)told(_|$)|untold|(^|_)by_(its_)?rule(_|$)|PayingByRule", "explicit amounts, contract-computed"),
    (r"(^|_)trials?(_|$)|^Trial", "dry run"),
    (r"(^|_)homes?(_|$)|^Homes|(^|_)elsewhere(_|$)|same_ledger", "ledger binding"),
    (r"(^|_)wish(es)?(_|$)|Wish", "request"),
    (r"(^|_)in_step(_|$)|(^|_)mend|give_back|gave_back", "sync, fix, release"),
    (r"(^|_)consent|Consent|money_words|ProofCard|(^|_)prove$", "approvals, reconciliation, labels"),
    (r"(^|_)strays?(_|$)|(^|_)attend(_|$)|last_work|LastWork|pay_in_turn|^Turns?$|turn_seconds", "see the glossary"),
)
# Settings are named like their environment variables.
FIXED = frozenset({"look_again_seconds", "look_again_max_seconds", "preflight_close_looks"})


def identifiers(path: Path) -> Iterator[tuple[int, str]]:
    """Yield each name that a module defines, with its line. The names of tests are sentences, and left out."""
    yield 1, path.stem
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        line = getattr(node, "lineno", 1)
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if not name.startswith("test_"):
                yield line, name
            case ast.ClassDef(name=name) | ast.arg(arg=name) | ast.alias(asname=str(name)):
                yield line, name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield line, name
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                yield line, name


def replacement(name: str) -> str | None:
    """Return the words to use in place of a private name; None if it is none."""
    if name.lower() in FIXED:
        return None
    return next((words for pattern, words in REPLACED if re.search(pattern, name) or _is_upper(pattern, name)), None)


def _is_upper(pattern: str, name: str) -> bool:
    return name.isupper() and re.search(pattern, name.lower()) is not None


# A docstring begins with the noun of what it describes, or with the verb of what is done: none of these is either.
NO_FIRST_WORDS = """
    say says tell tells what whatever who whoever whom whomever whose whether how however why where wherever when
    whenever which it its that they their them
"""
# Nor does any other sentence of a docstring, or the description of an argument, begin with a clause without its noun.
NO_SENTENCE_STARTS = "say says what whatever whether who whoever whom whomever whose"


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield each docstring of a module, those of its attributes too, with the line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Expr(value=ast.Constant(value=str(docstring))):
                yield node.lineno, docstring


def wrong_starts(docstring: str) -> list[str]:
    """Return the words that no docstring, and no sentence of one, begins with, where this one does."""
    first, *others = re.findall(r"[A-Za-z]+", docstring) or [""]
    starts = [word for word in others if word.istitle() and word.lower() in NO_SENTENCE_STARTS.split()]
    return [first, *starts] if first.lower() in NO_FIRST_WORDS.split() else starts
