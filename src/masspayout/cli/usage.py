"""Usage errors in our words: the part of a command line that is missing or wrong, and how to write it.

Typer finds these errors. Its own sentences about them, and Pydantic's, reach nobody.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import typer
from typer._click import exceptions as found_by_typer
from typer.core import TyperArgument, TyperOption

from masspayout.kernel.errors import Invalid
from masspayout.kernel.invalid_values import one_of, own_sentence, requirement, shown

Parameter = TyperOption | TyperArgument

_EXTRA = re.compile(r"unexpected extra argument\(s\) \((.*)\)", re.DOTALL)


def usage_error(error: typer.TyperException) -> Invalid:
    """Return a usage error that Typer found, with a sentence and a next step of ours."""
    context = getattr(error, "ctx", None)
    see = f"See: {context.command_path if context else 'masspayout'} --help"
    match error:
        case found_by_typer.MissingParameter(param=TyperOption() | TyperArgument() as parameter):
            return Invalid(f"Missing {_name(parameter)}.", f"Add {_with_meaning(parameter)} {see}")
        case found_by_typer.BadParameter(param=TyperOption() | TyperArgument() as parameter):
            return _wrong_value(parameter, error, see)
        case found_by_typer.NoSuchOption(option_name=name, possibilities=possibilities):
            meant = f"Did you mean {one_of(sorted(possibilities))}? " if possibilities else ""
            return Invalid(f"There is no option {name}.", f"{meant}{see}")
        case found_by_typer.BadOptionUsage(option_name=name):
            return _unfinished_option(name, takes_value="does not take" not in error.message)
    extra = _EXTRA.search(error.message)
    if extra is not None:
        return Invalid(f"There is no place for {extra[1]!r}.", f"Leave it out, or put a name in quotes. {see}")
    return Invalid("The command is not complete.", see)


def help_instead(error: typer.TyperException) -> str | None:
    """Return the help to show for a group that was named without a command; None for any other error."""
    return error.message if isinstance(error, found_by_typer.NoArgsIsHelpError) else None


def no_such_command(name: str, above: str, alike: list[str]) -> Invalid:
    """Return the error of a command that is not there, with those that are called nearly the same."""
    meant = f"Did you mean {one_of(alike)}? " if alike else ""
    return Invalid(f"There is no command {name!r}.", f"{meant}See: {above} --help")


def _wrong_value(parameter: Parameter, error: typer.TyperException, see: str) -> Invalid:
    problem = _problem_of(error)
    allowed = _allowed(parameter) or (requirement(problem) if problem else "")
    if problem is None:
        return Invalid(f"{_name(parameter)} has a wrong value.", see)
    if not allowed:
        return Invalid(own_sentence(problem) or f"{_name(parameter)} has a wrong value.", see)
    return Invalid(f"{_name(parameter)} cannot be {shown(problem['input'])}.", f"Use {allowed}. {see}")


def _unfinished_option(name: str, *, takes_value: bool) -> Invalid:
    """Return the error of an option that lacks its value, or that takes none and was given one."""
    if takes_value:
        return Invalid(f"Missing the value of {name}.", f"Write {name} …, with the value after it.")
    return Invalid(f"{name} takes no value.", f"Write {name} alone.")


def _problem_of(error: BaseException) -> Mapping[str, Any] | None:
    """Return the first error of the validation that a usage error comes from."""
    problems: Sequence[Mapping[str, Any]] = getattr(error.__cause__, "errors", list)()
    return problems[0] if problems else None


def _allowed(parameter: Parameter) -> str:
    """Return the values that a parameter takes, as far as its declaration says them."""
    described = parameter.type_descriptor
    if described.choices is not None:
        return one_of([str(getattr(choice, "value", choice)) for choice in described.choices])
    if described.annotation not in (int, float):
        return ""
    kind = "a whole number" if described.annotation is int else "a number"
    least, most = described.parameter_info.min, described.parameter_info.max
    if least is None:
        return kind
    return f"{kind} from {least:,g} to {most:,g}" if most is not None else f"{kind} of {least:,g} or more"


def _name(parameter: Parameter) -> str:
    """Return an option's name, or an argument as the usage shows it."""
    if isinstance(parameter, TyperOption):
        return max(parameter.opts, key=len)
    return (parameter.metavar or str(parameter.name).upper()).strip("[]")


def _with_meaning(parameter: Parameter) -> str:
    """Return a missing option or argument as it is to be written, with its meaning or the values that it takes."""
    written = f"{_name(parameter)} …" if isinstance(parameter, TyperOption) else _name(parameter)
    first_sentence = re.split(r"\.(?: |$)", parameter.help or "")[0]
    meaning = _allowed(parameter) or first_sentence
    if not meaning:
        return f"{written}."
    is_name = meaning[1:2].isupper()
    return f"{written}: {meaning[0] if is_name else meaning[0].lower()}{meaning[1:]}."
