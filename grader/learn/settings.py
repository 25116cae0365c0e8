"""The learner's settings: `.koans/settings.toml` below the workbook's root. `koans settings` writes the file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec

from grader.book.errors import KoansError
from grader.book.files import write_file

Share = Annotated[float, msgspec.Meta(ge=0.7, le=0.99)]
Count = Annotated[int, msgspec.Meta(ge=0, le=9999)]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings, with their defaults. DESCRIPTIONS explains each."""

    new_per_day: Count = 10
    session: Annotated[int, msgspec.Meta(ge=1, le=9999)] = 30
    retention: Share = 0.9
    resolve: bool = True
    resolve_retention: Share = 0.8


DESCRIPTIONS = {
    "new_per_day": "cards a day that are seen for the first time",
    "session": "cards in a session of `koans review`",
    "retention": "share of cards to be remembered when they come back, 0.7 to 0.99; more means sooner",
    "resolve": "passed koans come back as re-solves (`koans again`)",
    "resolve_retention": "the same share for koans",
}


def settings_file(root: Path) -> Path:
    return root / ".koans" / "settings.toml"


def load(root: Path) -> Settings:
    """The settings of this workbook. Raises KoansError, which names the file and the field, if they are not valid."""
    file = settings_file(root)
    try:
        return msgspec.toml.decode(file.read_bytes(), type=Settings)
    except FileNotFoundError:
        return Settings()
    except msgspec.ValidationError as error:
        raise KoansError(f"{file}: {error}; `koans settings` shows what there is") from None
    except (msgspec.DecodeError, OSError) as error:
        raise KoansError(f"{file}: cannot be read: {error}") from None


def check_name(name: str) -> None:
    """Raises KoansError if there is no setting of this name."""
    if name not in DESCRIPTIONS:
        raise KoansError(f"'{name}' is no setting: there are {', '.join(DESCRIPTIONS)}")


def change(root: Path, name: str, value: str) -> Settings:
    """Change one setting and write the file. Raises KoansError if name or value is not valid."""
    check_name(name)
    old = load(root)
    try:
        new = msgspec.convert({**msgspec.to_builtins(old), name: value}, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise KoansError(f"{name} = {value}: {error}") from None
    file = settings_file(root)
    lines = [f"{key} = {_toml(value)}" for key, value in msgspec.structs.asdict(new).items()]
    write_file(file, "\n".join(lines) + "\n", make_folder=True)
    return new


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
