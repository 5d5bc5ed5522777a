"""Hints elsewhere than on the command line: the commands and options that they name, as what does the same there."""

import re
from collections.abc import Mapping

_OPTION = re.compile(r"--[a-z][a-z-]*\b")


class Wording:
    """How hints are worded where there are no commands. What it does not know stays as it is.

    Args:
        commands: What to say for a command, by its words without ``masspayout``. ``{}`` stands for what it is about.
        options: What to say for an option, by its name.
    """

    def __init__(self, commands: Mapping[str, str], options: Mapping[str, str]) -> None:
        self.commands = commands
        self.options = options
        words = "|".join(sorted(commands, key=len, reverse=True))
        # A command may be followed by what it is about, and by options with their values.
        self._command = re.compile(rf"masspayout ({words})\b((?: (?!--)\S*[^\s.,])?)(?: --[a-z-]+\b[^.,]*)?")

    def __call__(self, hint: str) -> str:
        """Return a hint in this wording."""
        hint = self._command.sub(self._said, hint)
        return _OPTION.sub(lambda found: self.options.get(found[0], found[0]), hint)

    def _said(self, found: re.Match[str]) -> str:
        said, following = self.commands[found[1]], found[2].strip()
        if "{}" in said:
            return said.replace("{}", following or "ID")
        is_argument = following.isupper() or any(character.isdigit() for character in following)
        return said if is_argument else said + found[2]
