"""The manual page of a command, in roff, from the command's own help. grader/cli/manual.py writes it."""

from __future__ import annotations

import enum
import inspect
import re
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Literal

VERBATIM = "\b"  # the first line of a paragraph of a help text whose lines stay as they are


COMPLETION = (
    "`koans --install-completion` sets up completion for the shell that it runs in: bash, zsh, fish or PowerShell. "
    "Tab then completes verbs, options, koans and chapters. `koans --show-completion` prints what it would add."
)
TYPERS_OWN = ("install_completion", "show_completion")  # their texts change with Typer's version


def page(root: Any, sections: Mapping[str, Mapping[str, str]]) -> str:
    """The manual page of a group of Typer, whose verbs are listed in `sections`.

    It holds no date, no version and no words of Typer, so it changes only if our help does.
    """
    summary, _, rest = root.help.partition("\n\n")
    title, _, purpose = summary.partition(": ")
    lines = [f'.TH {root.name.upper()} 1 "" "{_escaped(title)}" "User Commands"']
    lines += [".SH NAME", f"{root.name} \\- {_escaped(purpose.rstrip('.'))}", ".SH SYNOPSIS", *_usage(root, root.name)]
    lines += [".SH DESCRIPTION", *_paragraphs(rest), ".SH OPTIONS", *_options(root)]
    lines += [".SH SHELL COMPLETION", *_paragraphs(COMPLETION)]
    for heading, verbs in sections.items():
        lines.append(f".SH {_escaped(heading.upper())}")
        for verb in verbs:
            if verb in root.commands:
                lines += _command(root.commands[verb], f"{root.name} {verb}")
    return "\n".join(lines) + "\n"


def _command(command: Any, path: str) -> Iterator[str]:
    """A verb with its options. The verbs of a group follow it."""
    yield f".SS {_escaped(path)}"
    yield from _usage(command, path)
    yield from _paragraphs(command.help or "")
    yield from _options(command)
    for name, below in getattr(command, "commands", {}).items():
        yield from _command(below, f"{path} {name}")


def _usage(command: Any, path: str) -> Iterator[str]:
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    words = ["[OPTIONS]"] if len(arguments) < len(command.params) else []
    for argument in arguments:
        name = f"{argument.metavar or argument.name.upper()}{'...' if argument.nargs == -1 else ''}"
        words.append(name if argument.required else f"[{name}]")
    if hasattr(command, "commands"):
        words.append("COMMAND [ARGS]..." if not command.invoke_without_command else "[COMMAND [ARGS]...]")
    yield f".B {_escaped(path)}"
    yield _escaped(" ".join(words))


def _options(command: Any) -> Iterator[str]:
    """Each parameter that has a help text: its names and what it takes, then the text."""
    kinds = typing.get_type_hints(inspect.unwrap(command.callback)) if command.callback else {}
    for parameter in command.params:
        if getattr(parameter, "help", None) and parameter.name not in TYPERS_OWN:
            argument = parameter.param_type_name == "argument"
            names = [] if argument else [", ".join(sorted([*parameter.opts, *parameter.secondary_opts], key=len))]
            takes = parameter.metavar or "|".join(_choices(kinds.get(parameter.name))) or parameter.name.upper()
            flag = getattr(parameter, "is_flag", False)
            yield ".TP"
            yield f"\\fB{_escaped(' '.join([*names, *([] if flag else [takes])]))}\\fR"
            yield _escaped(" ".join(parameter.help.split()))


def _choices(kind: Any) -> list[str]:
    """The values that a type allows, if it lists them: a Literal or an Enum, also as one of several types."""
    if typing.get_origin(kind) is Literal:
        return [str(value) for value in typing.get_args(kind)]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return [str(member.value) for member in kind]
    return [value for part in typing.get_args(kind) for value in _choices(part)]


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", text.strip("\n")):
        lines = paragraph.split("\n")
        yield ".PP"
        if lines[0].strip(" ") == VERBATIM:
            yield from (".EX", *(_escaped(line) for line in lines[1:]), ".EE")
        else:
            yield _escaped(" ".join(line.strip() for line in lines))


def _escaped(text: str) -> str:
    """The text as roff shows it: in ASCII, with hyphens that can be copied. No line of it looks like a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = re.sub(r"[^\x00-\x7f]", lambda sign: f"\\[u{ord(sign[0]):04X}]", text)
    return f"\\&{text}" if text.startswith((".", "'")) else text
