"""``masspayout`` as a process of its own: what it prints, and which modules it imports."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

_IMPORT = re.compile(r"^import time: +\d+ \| +\d+ \| +(\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Ended:
    """A process that ended well."""

    out: str
    modules: frozenset[str]

    @property
    def packages(self) -> set[str]:
        """The first parts of the names of what it imported."""
        return {name.split(".")[0] for name in self.modules}

    @property
    def rooms(self) -> set[str]:
        """The rooms of Mass Payout that it imported something of."""
        return {name.split(".")[1] for name in self.modules if name.startswith("masspayout.")}


def run_masspayout(*arguments: str, **environment: str) -> Ended:
    """Run ``python -m masspayout …`` to its end; Python itself reports what is imported."""
    command = [sys.executable, "-X", "importtime", "-m", "masspayout", *arguments]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Ended(done.stdout, frozenset(_IMPORT.findall(done.stderr)))


def complete(shell: str, typed: str, **environment: str) -> Ended:
    """Press the tabulator key behind what was typed, as the shell's completion script does."""
    words: Mapping[str, str] = {
        "_MASSPAYOUT_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": typed,  # zsh
        "COMP_WORDS": typed,  # bash
        "COMP_CWORD": str(typed.count(" ")),
    }
    return run_masspayout(**words, **environment)
