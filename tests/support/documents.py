"""Documents as their readers use them: the fenced blocks, and a shell into which those of ``sh`` are pasted."""

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from http_process import ServiceProcess, service_process
from places import ROOT

_FENCE = re.compile(r"^( *)```(\S*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_SERVICE = re.compile(r"masspayout (up|worker)")  # runs until it is stopped, so a reader gives it a terminal of its own
_READY = {"up": "Stop it with", "worker": "stop it with"}

# In the line of a document's title, so that every line of the script has the number that it has in the document.
_PROLOGUE = "set -Eeuo pipefail; trap 'echo \"$0, line $LINENO: $BASH_COMMAND\"' ERR; "


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        document: The path from the root of the checkout.
        line: The number of its first line in the document.
        text: Its lines, without the indentation of the fence.
    """

    document: str
    line: int
    language: str
    text: str

    @property
    def first_line(self) -> str:
        return self.text.partition("\n")[0]

    @property
    def service(self) -> str | None:
        """The command of a block that is nothing but a service."""
        found = _SERVICE.fullmatch(self.text.strip())
        return found and found[1]


def blocks(document: str) -> list[Block]:
    """Read the fenced blocks of a document, in their order."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return [
        Block(document, text.count("\n", 0, found.start()) + 2, found[2], textwrap.dedent(found[3]))
        for found in _FENCE.finditer(text)
    ]


def paste(
    pasted: list[Block], directory: Path, environment: Mapping[str, str], instead: Mapping[str, str] | None = None
) -> str:
    """Run blocks of one document in one shell, in their order, and return all that they print.

    Services run beside the shell, from its beginning to its end. Passwords that are asked for are given. A command
    that fails ends the test with the line of the document in which it stands.

    Args:
        pasted: The blocks.
        directory: Where the shell begins.
        environment: The environment of all processes, but for the path on which the project's command is found.
        instead: Texts, each of which is replaced before the blocks are pasted: an address of a reader's own, say.
    """
    environment = {**environment, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with ExitStack() as services:
        for block in pasted:
            if block.service is not None:
                services.enter_context(_running(block.service, directory, environment))
        name = pasted[0].document
        done = subprocess.run(
            ["bash", "-c", _script(pasted, instead or {}), name],
            cwd=directory,
            env=environment,
            input="a password of a reader\n" * 2,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            start_new_session=True,  # without a terminal, passwords are read from the input
        )
    assert done.returncode == 0, f"{name} cannot be pasted as it is:\n{done.stdout}"
    return done.stdout


@contextmanager
def _running(command: str, directory: Path, environment: Mapping[str, str]) -> Iterator[ServiceProcess]:
    with service_process(command, directory, environment, until=_READY[command]) as service:
        yield service
        assert service.stop() == 0, command


def _script(pasted: list[Block], instead: Mapping[str, str]) -> str:
    lines = [_PROLOGUE]
    for block in pasted:
        if block.service is None:
            lines += [""] * (block.line - 1 - len(lines))
            lines += block.text.splitlines()
    script = "\n".join(lines)
    for wording, real in instead.items():
        assert wording in script, wording
        script = script.replace(wording, real)
    return script
