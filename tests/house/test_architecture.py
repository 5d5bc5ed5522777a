"""House rules, executed: how long things may be, who may import what, and what nobody may call."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from masspayout.db import repositories, store
from places import PACKAGE, ROOT

SOURCES = sorted(PACKAGE.rglob("*.py"))
HAND_WRITTEN = sorted(
    path
    for path in [*SOURCES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    if path != Path(__file__).resolve()
)

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60
EMPTY_NAMES = re.compile(r"(^|_)(utils?|managers?|helpers?|misc|common)(_|$)")
IS_MONEY = {"kernel/money.py", "kernel/types.py", "kernel/movements.py", "distributions/csv_import.py"}
MONEY_ROOMS = ("entitlements/", "controls/", "payments/", "distributions/", "automation/", "reporting/")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def where(path: Path, node: ast.AST | int) -> str:
    line_number = node if isinstance(node, int) else getattr(node, "lineno", 1)
    return f"{path.relative_to(ROOT)}:{line_number}"


def in_package(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def functions_of(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def calls_of(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Yield every call with the dotted name of what is called."""
    return ((ast.unparse(node.func), node) for node in ast.walk(tree) if isinstance(node, ast.Call))


def imports_of(tree: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield the dotted name of everything imported: ``from a import b`` as ``a.b``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", node) for alias in node.names)


def is_migration(path: Path) -> bool:
    return path.is_relative_to(PACKAGE / "db" / "migrations" / "versions")


def test_the_rules_see_the_sources() -> None:
    assert {"kernel/money.py", "db/entities/payouts.py", "ledger/port.py", "cli/__init__.py"} <= set(
        map(in_package, SOURCES)
    )


def test_modules_are_short_enough_to_be_read_at_one_sitting() -> None:
    too_long = {
        where(path, count): count
        for path in [*HAND_WRITTEN, Path(__file__)]
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > MAX_MODULE_LINES and not is_migration(path)
    }
    assert not too_long


def test_functions_are_short_enough_to_be_seen_at_once() -> None:
    too_long = [
        f"{where(path, function)} {function.name}: {length} lines"
        for path in SOURCES
        if not is_migration(path)
        for function in functions_of(tree_of(path))
        if (length := (function.end_lineno or 0) - function.lineno + 1) > MAX_FUNCTION_LINES
    ]
    assert not too_long


def test_names_of_modules_say_what_is_in_them() -> None:
    assert not [in_package(path) for path in SOURCES if EMPTY_NAMES.search(path.stem)]
    assert not [in_package(path) for path in PACKAGE.rglob("*") if path.is_dir() and EMPTY_NAMES.search(path.name)]


def names_only(method: Function) -> bool:
    """Whether a method has no body, or hands out a repository and does nothing else."""
    body = ast.unparse(method.body[0])
    return len(method.body) == 1 and (body == "..." or body.startswith("return repositories."))


def documented_parts(path: Path) -> Iterator[tuple[str, ast.Module | ast.ClassDef | Function]]:
    """Yield what a reader meets first: the module, its public classes and functions, and their public methods.

    Methods of a private class, and those that only say again what a base class or the language says, speak for
    themselves. So does what only names a repository, and repositories describe the questions of the store port.
    """
    module = tree_of(path)
    if module.body:
        yield where(path, 1), module
    for node in module.body:
        if not isinstance(node, ast.ClassDef | Function) or node.name.startswith("_"):
            continue
        yield f"{where(path, node)} {node.name}", node
        if isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, Function) and not method.name.startswith("_") and not names_only(method):
                    yield f"{where(path, method)} {node.name}.{method.name}", method


def test_everything_public_says_what_it_means() -> None:
    silent = [
        name
        for path in SOURCES
        if not is_migration(path)
        for name, part in documented_parts(path)
        if not ast.get_docstring(part)
    ]
    assert not silent


def test_questions_of_the_store_port_are_described_by_the_repositories() -> None:
    ports = [each for name, each in vars(store).items() if name.endswith("Port")]
    assert len(ports) >= 9
    for port in ports:
        repository = getattr(repositories, port.__name__.removesuffix("Port"))
        for question in filter(lambda name: not name.startswith("_"), vars(port)):
            assert getattr(repository, question).__doc__, f"{port.__name__}.{question}"


def test_no_money_goes_through_a_float() -> None:
    """Seconds may be floats where money is handled; nothing may be one where it is reckoned."""
    floats = [
        where(path, node)
        for path in SOURCES
        if in_package(path) in IS_MONEY or in_package(path).startswith(MONEY_ROOMS)
        for node in ast.walk(tree_of(path))
        if (isinstance(node, ast.Call) and ast.unparse(node.func) == "float")
        or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and not joins_paths(node))
        or (in_package(path) in IS_MONEY and mentions_float(node))
    ]
    assert not floats


def mentions_float(node: ast.AST) -> bool:
    return (isinstance(node, ast.Name) and node.id == "float") or (
        isinstance(node, ast.Constant) and isinstance(node.value, float)
    )


def joins_paths(division: ast.BinOp) -> bool:
    return isinstance(division.right, ast.Constant) and isinstance(division.right.value, str)


def test_times_have_a_zone() -> None:
    """Ruff's DTZ rules see most of it; this one also sees a zone that is given as None."""
    zoneless = [
        f"{where(path, call)} {name}"
        for path in SOURCES
        for name, call in calls_of(tree_of(path))
        if name.endswith(("datetime.utcnow", "datetime.utcfromtimestamp"))
        or (name.endswith("datetime.now") and not zone_is_given(call))
    ]
    assert not zoneless


def zone_is_given(call: ast.Call) -> bool:
    zones = [*call.args, *(keyword.value for keyword in call.keywords)]
    return bool(zones) and not (isinstance(zones[0], ast.Constant) and zones[0].value is None)


# Who is let in, how long an answer is waited for, and what webhooks are signed with goes by the machine's clock.
GO_BY_THE_MACHINE = (
    "api/",
    "db/plans.py",
    "kernel/clock.py",
    "kernel/logs.py",
    "ledger/hedera/mirror/",
    "service/access/",
    "service/webhooks/",
)


def test_the_time_is_that_of_the_database() -> None:
    asked = [
        f"{where(path, call)} {name}"
        for path in SOURCES
        if not in_package(path).startswith(GO_BY_THE_MACHINE)
        for name, call in calls_of(tree_of(path))
        if name.endswith(("datetime.now", "datetime.today")) or name in {"time.time", "time.time_ns"}
    ]
    assert not asked


EDGES = ("cli/", "api/", "dashboard/", "worker/", "__main__")
# Adapters and the server's keeper wait for networks and processes; what is above waits as it is told to, by ``sleep=``.
WAIT_FOR_OTHERS = ("ledger/", "db/embedded", "service/webhooks/addresses.py")


def test_no_room_below_the_edges_sleeps() -> None:
    sleeping = [
        f"{where(path, call)} {name}"
        for path in SOURCES
        if not in_package(path).startswith((*EDGES, *WAIT_FOR_OTHERS))
        for name, call in calls_of(tree_of(path))
        if name in {"asyncio.sleep", "time.sleep", "sleep"}
    ]
    assert not sleeping


# Secrets are drawn by lot; so are the pauses after which someone who was refused asks again.
DRAW_LOTS = (*EDGES, "db/", "ledger/", "kernel/backoff.py", "service/")


def test_the_business_rolls_no_dice() -> None:
    """Chance cannot be repeated when a payout is looked into."""
    banned = [
        f"{where(path, node)} {name}"
        for path in SOURCES
        if not in_package(path).startswith(DRAW_LOTS)
        for name, node in imports_of(tree_of(path))
        if name.split(".")[0] in {"random", "secrets"}
    ]
    assert not banned


def is_amount(node: ast.expr) -> bool:
    """Whether a name says that it is an amount of whole tokens, a ``Decimal``."""
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name.endswith(("amount", "amounts"))


def sums_of(tree: ast.AST) -> Iterator[tuple[ast.AST, list[ast.expr]]]:
    """Yield everything that is added, subtracted or summed up, with its operands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            yield node, [node.left, node.right]
        elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add | ast.Sub):
            yield node, [node.target, node.value]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "sum":
            terms = [term.elt if isinstance(term, ast.GeneratorExp | ast.ListComp) else term for term in node.args]
            yield node, terms


def test_amounts_are_added_by_what_rounds_nothing() -> None:
    """The usual context of ``Decimal`` rounds to 28 digits. Hedera's mirror nodes call smallest units amounts."""
    bare = [
        where(path, node)
        for path in SOURCES
        if in_package(path) != "kernel/money.py" and not in_package(path).startswith("ledger/hedera/")
        for node, operands in sums_of(tree_of(path))
        if any(map(is_amount, operands))
    ]
    assert not bare


QUERY_BUILDERS = {"text", "select", "insert", "update", "delete"}
QUERY_CALLS = re.compile(r"(^|\.)(session|connection|cursor|conn|cur)\.(execute|scalars?|stream|stream_scalars|copy)$")


def test_queries_are_written_in_the_repositories_only() -> None:
    """The ledger's sandbox keeps books of its own; everything else asks a repository."""
    queries = [
        f"{where(path, node)} {name}"
        for path in SOURCES
        if not in_package(path).startswith(("db/", "ledger/"))
        for name, node in [*imports_of(tree_of(path)), *calls_of(tree_of(path))]
        if QUERY_CALLS.search(name) or name in {f"sqlalchemy.{builder}" for builder in QUERY_BUILDERS}
    ]
    assert not queries


def test_only_the_command_line_prints() -> None:
    prints = [
        where(path, call)
        for path in SOURCES
        if not in_package(path).startswith("cli/")
        for name, call in calls_of(tree_of(path))
        if name in {"print", "pprint", "sys.stdout.write", "sys.stderr.write"}
    ]
    assert not prints


KNOW_THE_ADAPTERS = {"runtime.py", "cli/sandbox.py", "cli/sandbox_accounts.py", "cli/demo.py"}
NO_ADAPTERS = {f"masspayout.ledger.{name}" for name in ("contract_offers", "failures", "identity", "port")}


def test_only_the_runtime_and_the_sandboxs_commands_import_a_ledger_adapter() -> None:
    imports = [
        f"{where(path, node)} {name}"
        for path in SOURCES
        if in_package(path) not in KNOW_THE_ADAPTERS and not in_package(path).startswith("ledger/")
        for name, node in imports_of(tree_of(path))
        if name.startswith("masspayout.ledger.") and ".".join(name.split(".")[:3]) not in NO_ADAPTERS
    ]
    assert not imports


def test_imports_stand_at_the_top_where_a_cycle_cannot_hide() -> None:
    late = [
        where(path, node)
        for path in SOURCES
        for function in functions_of(tree_of(path))
        for name, node in imports_of(function)
        if name.startswith("masspayout")
    ]
    assert not late


UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
BARE_SILENCER = re.compile(r"#\s*noqa(?!:\s*[A-Z]+[0-9]+)|#\s*type:\s*ignore(?!\[)|#\s*pragma: no cover")


@pytest.mark.parametrize("pattern", [UNFINISHED, BARE_SILENCER], ids=["unfinished work", "a silencer without a code"])
def test_no_line_contains(pattern: re.Pattern[str]) -> None:
    hits = [
        f"{where(path, line_number)} {line.strip()}"
        for path in HAND_WRITTEN
        for line_number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]
    assert not hits


def lint_imports(directory: Path) -> subprocess.CompletedProcess[str]:
    """Hold the sources under a directory against the import contracts in it."""
    linter = Path(sys.executable).with_name("lint-imports")
    environment = {**os.environ, "PYTHONPATH": str(directory / "src"), "COLUMNS": "200"}
    command = [str(linter), "--no-cache"]
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)


def test_imports_point_one_way() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("importing", "imported", "broken"),
    [
        ("payments/stops.py", "masspayout.distributions.terms", "masspayout.payments is not allowed to import"),
        ("kernel/money.py", "masspayout.db.session", "masspayout.kernel is not allowed to import"),
        ("controls/limits.py", "masspayout.controls.start_conditions", "No cycles among the files of a room BROKEN"),
    ],
    ids=["up a floor", "up from the lowest", "back within a room"],
)
def test_the_import_contract_bites(tmp_path: Path, importing: str, imported: str, broken: str) -> None:
    shutil.copytree(PACKAGE, tmp_path / "src" / "masspayout", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    path = tmp_path / "src" / "masspayout" / importing
    path.write_text(f"{path.read_text(encoding='utf-8')}\nimport {imported}\n", encoding="utf-8")
    result = lint_imports(tmp_path)
    assert result.returncode == 1
    assert broken in " ".join(result.stdout.split())


def test_pins_carry_hashes_and_name_no_place() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text(encoding="utf-8")
        requirements = re.split(r"\n(?=[a-z])", text)[1:]
        assert requirements, name
        assert all("==" in requirement and "--hash=sha256:" in requirement for requirement in requirements), name
        assert not re.search(r"(?m)://|file:/|^-|^/", text), name


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    wanted_dev = [*wanted, *project["project"]["optional-dependencies"]["dev"]]
    for name, dependencies in (("requirements.txt", wanted), ("requirements-dev.txt", wanted_dev)):
        pinned = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))
        assert {re.split(r"[\[<>=!~; ]", dependency)[0] for dependency in dependencies} <= pinned, name


def test_both_lists_of_pins_agree() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^[a-z0-9-]+==\S+", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))

    assert pins("requirements.txt") <= pins("requirements-dev.txt")
