"""Opens a file in the learner's own editor."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from grader.book.errors import refusal

# Editors that come with a system, and that take over nothing of the terminal.
OF_SYSTEM = {"win32": "notepad", "darwin": "open -t"}


def command() -> str:
    """The learner's editor: VISUAL, else EDITOR, else the one that comes with the system. Empty if there is none."""
    return os.environ.get("VISUAL") or os.environ.get("EDITOR") or OF_SYSTEM.get(sys.platform, "")


def split(command: str, *, windows: bool = sys.platform == "win32") -> list[str]:
    r"""The words of a command. On Windows a backslash is part of a path: `"C:\Program Files\x.exe" -w` is two words.

    Raises ValueError if a quote is open.
    """
    if not windows:
        return shlex.split(command)
    return [word[1:-1] if word[:1] == word[-1:] == '"' else word for word in shlex.split(command, posix=False)]


def edit(command: str, file: Path) -> str:
    """Run the editor and wait for its end. Returns a line about what went wrong, empty if nothing did."""
    try:
        words = split(command)
    except ValueError as error:  # an open quote
        return f"$EDITOR ({command}) is not a command: {error}"
    if not words:
        return "$EDITOR is blank; set it to the name of your editor"
    try:
        program = shutil.which(words[0]) or words[0]  # VS Code is code.cmd on Windows, which only `which` finds
        code = subprocess.run([program, *words[1:], str(file)], check=False).returncode
    except FileNotFoundError:
        return f"{words[0]}: not found; set EDITOR to the name of your editor"
    except (OSError, ValueError) as error:
        return f"{words[0]} cannot be run: {refusal(error) or error}"
    except KeyboardInterrupt:
        return f"{words[0]} was interrupted"
    if code == 0:
        return ""
    return f"{words[0]} ended with exit code {code}" if code > 0 else f"{words[0]} was ended by signal {-code}"
