"""What a learner may set: `.koans/settings.toml` below the workbook's root, `koans settings` writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec

from grader.book.errors import KoansError, writing

Share = Annotated[float, msgspec.Meta(ge=0.7, le=0.99)]
Count = Annotated[int, msgspec.Meta(ge=0, le=9999)]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is not set has these values."""

    new_per_day: Count = 10
    session: Annotated[int, msgspec.Meta(ge=1, le=9999)] = 30
    retention: Share = 0.9
    resolve: bool = True
    resolve_retention: Share = 0.8


MEANS = {
    "new_per_day": "cards a day that are seen for the first time",
    "session": "cards a sitting of `koans review`",
    "retention": "share of cards to be remembered when they come back, 0.7 to 0.99; more means sooner",
    "resolve": "passed koans come back as re-solves (`koans again`)",
    "resolve_retention": "the same share for koans",
}


def place(root: Path) -> Path:
    return root / ".koans" / "settings.toml"


def load(root: Path) -> Settings:
    """The settings of this workbook. Raises KoansError naming file and field."""
    file = place(root)
    try:
        return msgspec.toml.decode(file.read_bytes(), type=Settings)
    except FileNotFoundError:
        return Settings()
    except msgspec.ValidationError as error:
        raise KoansError(f"{file}: {error}; `koans settings` shows what there is") from None
    except (msgspec.DecodeError, OSError) as error:
        raise KoansError(f"{file}: cannot be read: {error}") from None


def known(name: str) -> None:
    """Raises KoansError for what is no setting."""
    if name not in MEANS:
        raise KoansError(f"'{name}' is no setting: there are {', '.join(MEANS)}")


def change(root: Path, name: str, value: str) -> Settings:
    """Set one and write the file. Raises KoansError for what is no setting or no value of it."""
    known(name)
    old = load(root)
    try:
        new = msgspec.convert({**msgspec.to_builtins(old), name: value}, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise KoansError(f"{name} = {value}: {error}") from None
    file = place(root)
    lines = [f"{key} = {_toml(value)}" for key, value in msgspec.structs.asdict(new).items()]
    with writing(file):
        file.parent.mkdir(exist_ok=True)
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return new


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
