"""The learner's settings: `.koans/settings.toml` below the workbook's root. `koans settings` writes the file.

Its table `changed` has each setting that was changed, what it was changed to, and when. So two machines can agree on
the last change (`koans sync`), also if somebody edits the file.
"""

from __future__ import annotations

import time
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec

from grader.book.errors import KoansError, reading
from grader.book.files import write_file
from grader.book.verdict import one_line
from grader.book.workbook import ID, WHOLE
from grader.learn.cards.schedule import checked
from grader.learn.logs import STEP, Place

Share = Annotated[float, msgspec.Meta(ge=0.7, le=0.99)]
Count = Annotated[int, msgspec.Meta(ge=0, le=9999)]
TrackId = Annotated[str, msgspec.Meta(pattern=f"^{ID}$")]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings, with their defaults. DESCRIPTIONS explains each."""

    new_per_day: Count = 10
    session: Annotated[int, msgspec.Meta(ge=1, le=9999)] = 30
    retention: Share = 0.9
    resolve: bool = True
    resolve_retention: Share = 0.8
    track: TrackId = WHOLE
    parameters: tuple[float, ...] = ()  # empty for FSRS's defaults

    def __post_init__(self) -> None:
        if self.parameters:
            checked(self.parameters)


Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z_]{1,40}\Z")]
Word = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9 _.-]{0,100}\Z")]
Numbers = Annotated[tuple[float, ...], msgspec.Meta(max_length=100)]
Value = bool | int | float | Word | Numbers


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a setting was changed to, and when, in seconds since 1970, UTC, but always later than the change before."""

    to: Value
    at: Place

    @property
    def rank(self) -> tuple[float, str]:
        """Of two changes of a setting, the one with the larger rank counts, on every machine."""
        return self.at, str(self.to)


DESCRIPTIONS = {
    "new_per_day": "new cards a day",
    "session": "cards in a session of `koans review`",
    "retention": "share of cards that you want to remember, 0.7 to 0.99; with a larger share, cards return sooner",
    "resolve": "passed koans return, to be solved again (`koans again`)",
    "resolve_retention": "the same share for koans that you solve again",
    "track": "the track that you walk (`koans track`); all: the whole workbook",
    "parameters": "of FSRS, for cards; `koans settings fit` fits them to your reviews",
}


ALLOWED = {
    "new_per_day": "a whole number from 0 to 9999",
    "session": "a whole number from 1 to 9999",
    "retention": "a number from 0.7 to 0.99",
    "resolve": "true or false",
    "resolve_retention": "a number from 0.7 to 0.99",
    "track": f"the id of a track, or {WHOLE}",
    "parameters": "`default`, or 21 numbers within FSRS's bounds, with commas between them",
}
DEFAULT = "default"  # stands for FSRS's own parameters


def settings_file(root: Path) -> Path:
    return root / ".koans" / "settings.toml"


def load(root: Path) -> Settings:
    """The settings of this workbook. Raises KoansError, which names the file and the field, if they are not valid."""
    values, _ = _read(root)
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


def _read(root: Path) -> tuple[dict[str, Any], dict[str, Change]]:
    """The values that stand in the file, valid or not, and the changes. Raises KoansError if it is no TOML."""
    file = settings_file(root)
    try:
        with reading(file):
            values = tomllib.loads(file.read_bytes().decode("utf-8")) if file.exists() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise KoansError(f"{file}: is not TOML ({error}); correct it, or remove it to use the defaults") from None
    try:
        return values, msgspec.convert(values.pop("changed", {}), dict[Name, Change])
    except msgspec.ValidationError:  # somebody edited it: then the time of the file counts
        return values, {}


def _is_valid(name: str, value: Any, *, strict: bool = True) -> bool:
    try:
        msgspec.convert({name: value}, Settings, strict=strict)
    except msgspec.ValidationError:
        return False
    return True


def _value(name: str, value: Any, *, strict: bool = True) -> Any:
    """A valid value of a setting, in the setting's own type."""
    return getattr(msgspec.convert({name: value}, Settings, strict=strict), name)


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
    return store(root, name, _value(name, given, strict=False))


def store(root: Path, name: str, value: Value) -> Settings:
    """Write the file with this valid value of one setting. What is not valid in the file becomes the default.

    Raises KoansError if the file cannot be written.
    """
    now = time.time()
    made = changes(root, strict=False)
    at = max(now, made[name].at + STEP) if name in made else now
    return apply(root, {**made, name: Change(value, at)})


def changes(root: Path, *, strict: bool = True) -> dict[str, Change]:
    """The settings that were changed on this machine, by name, with the last change of each.

    If the file has another value than `koans settings` wrote, somebody edited it: then the change is as old as the
    file. With `strict`, raises KoansError as `load` does; otherwise a value that is not valid does not count.
    """
    if strict:
        load(root)
    values, known = _read(root)
    file = settings_file(root)
    edited = file.stat().st_mtime if file.exists() else 0.0
    made = {name: change for name, change in known.items() if name not in DESCRIPTIONS}
    for name, default in msgspec.structs.asdict(Settings()).items():
        value = _value(name, values[name]) if name in values and _is_valid(name, values[name]) else default
        change = known.get(name)
        if change is not None and change.to == value:
            made[name] = change
        elif change is not None:
            made[name] = Change(value, max(edited, change.at + STEP))
        elif value != default:
            made[name] = Change(value, edited)
    return made


def merged(mine: Mapping[str, Change], theirs: Mapping[str, Change]) -> dict[str, Change]:
    """The last change of each setting."""
    both = [*theirs.items(), *mine.items()]
    return {name: max((change for n, change in both if n == name), key=lambda c: c.rank) for name, _ in both}


def check(made: Mapping[str, Change]) -> None:
    """Raise KoansError if a change gives a setting that we know a value that it cannot have."""
    for name, change in made.items():
        if name in DESCRIPTIONS and not _is_valid(name, change.to):
            raise KoansError(f"{name} = {change.to}: must be {ALLOWED[name]}")


def apply(root: Path, made: Mapping[str, Change]) -> Settings:
    """Write the file with these changes; the other settings have their defaults. Raises KoansError.

    Settings of a later version of koans stand only among the changes.
    """
    new = msgspec.convert({name: change.to for name, change in made.items() if name in DESCRIPTIONS}, Settings)
    lines = [f"{key} = {_toml(value)}" for key, value in msgspec.structs.asdict(new).items()]
    lines += ["", "[changed]  # by `koans settings`: for `koans sync`"]
    lines += [f"{name} = {{to = {_toml(made[name].to)}, at = {made[name].at!r}}}" for name in sorted(made)]
    write_file(settings_file(root), "\n".join(lines) + "\n", make_folder=True)
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
    if isinstance(value, str):
        return f'"{value}"'  # a Word needs no escapes
    return str(value).lower() if isinstance(value, bool) else str(value)
