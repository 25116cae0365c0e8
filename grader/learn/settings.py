"""The learner's settings: `.koans/settings.toml` below the workbook's root. `koans settings` writes the file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

import msgspec

from grader.book.errors import KoansError, reading
from grader.book.files import write_file
from grader.book.verdict import one_line
from grader.learn.cards.schedule import checked

Share = Annotated[float, msgspec.Meta(ge=0.7, le=0.99)]
Count = Annotated[int, msgspec.Meta(ge=0, le=9999)]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings, with their defaults. DESCRIPTIONS explains each."""

    new_per_day: Count = 10
    session: Annotated[int, msgspec.Meta(ge=1, le=9999)] = 30
    retention: Share = 0.9
    resolve: bool = True
    resolve_retention: Share = 0.8
    parameters: tuple[float, ...] = ()  # empty for FSRS's defaults

    def __post_init__(self) -> None:
        if self.parameters:
            checked(self.parameters)


DESCRIPTIONS = {
    "new_per_day": "new cards a day",
    "session": "cards in a session of `koans review`",
    "retention": "share of cards that you want to remember, 0.7 to 0.99; with a larger share, cards return sooner",
    "resolve": "passed koans return, to be solved again (`koans again`)",
    "resolve_retention": "the same share for koans that you solve again",
    "parameters": "of FSRS, for cards; `koans settings fit` fits them to your reviews",
}


ALLOWED = {
    "new_per_day": "a whole number from 0 to 9999",
    "session": "a whole number from 1 to 9999",
    "retention": "a number from 0.7 to 0.99",
    "resolve": "true or false",
    "resolve_retention": "a number from 0.7 to 0.99",
    "parameters": "`default`, or 21 numbers within FSRS's bounds, with commas between them",
}
DEFAULT = "default"  # stands for FSRS's own parameters


def settings_file(root: Path) -> Path:
    return root / ".koans" / "settings.toml"


def load(root: Path) -> Settings:
    """The settings of this workbook. Raises KoansError, which names the file and the field, if they are not valid."""
    values = _read(root)
    for name, value in values.items():
        if name not in DESCRIPTIONS:
            raise KoansError(
                f"{settings_file(root)}: '{name}' is not a setting; the settings are {', '.join(DESCRIPTIONS)}"
            )
        if not _is_valid(name, value):
            now = str(value).lower() if isinstance(value, bool) else one_line(str(value), 60)
            wanted = f"{name} must be {ALLOWED[name]}, but is {now}"
            raise KoansError(f"{settings_file(root)}: {wanted}; `koans settings {name} VALUE` changes it")
    return msgspec.convert(values, Settings)


def _read(root: Path) -> dict[str, Any]:
    """What stands in the file, valid or not. Raises KoansError if it is no TOML."""
    file = settings_file(root)
    try:
        with reading(file):
            return tomllib.loads(file.read_bytes().decode("utf-8")) if file.exists() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise KoansError(f"{file}: is not TOML ({error}); correct it, or remove it to use the defaults") from None


def _is_valid(name: str, value: Any, *, strict: bool = True) -> bool:
    try:
        msgspec.convert({name: value}, Settings, strict=strict)
    except msgspec.ValidationError:
        return False
    return True


def check_name(name: str) -> None:
    """Raises KoansError if there is no setting of this name."""
    if name not in DESCRIPTIONS:
        raise KoansError(f"'{name}' is not a setting; the settings are {', '.join(DESCRIPTIONS)}")


def change(root: Path, name: str, value: str) -> Settings:
    """Change one setting and write the file. What is not valid in the file becomes the default.

    Raises KoansError if name or value is not valid, or if the file cannot be written.
    """
    check_name(name)
    given = _numbers(value) if name == "parameters" else value
    if not _is_valid(name, given, strict=False):
        raise KoansError(f"{name} = {one_line(value, 60)}: give {ALLOWED[name]}")
    return store(root, name, given)


def store(root: Path, name: str, value: Any) -> Settings:
    """Write the file with this value of one setting. What is not valid in the file becomes the default.

    Raises KoansError if the file cannot be written.
    """
    old = {key: was for key, was in _read(root).items() if key in DESCRIPTIONS and _is_valid(key, was)}
    new = msgspec.convert({**old, name: value}, Settings, strict=False)
    file = settings_file(root)
    lines = [f"{key} = {_toml(value)}" for key, value in msgspec.structs.asdict(new).items()]
    write_file(file, "\n".join(lines) + "\n", make_folder=True)
    return new


def _numbers(value: str) -> tuple[float, ...] | str:
    """The numbers in a text with commas, none for `default`. The text itself if it is something else."""
    try:
        return () if value == DEFAULT else tuple(map(float, value.split(",")))
    except ValueError:
        return value


def shown(value: Any, *, whole: bool = False) -> str:
    """A setting for a person: of many numbers the first, or with `whole` all."""
    if isinstance(value, tuple):
        if whole and value:
            return ", ".join(map(str, value))
        return f"{', '.join(map(str, value[:3]))}, … ({len(value)} numbers)" if value else DEFAULT
    return str(value).lower()


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(repr, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)
