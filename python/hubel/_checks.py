"""Checks of arguments that are numbers, flags and names, by the names that Python's users know them by."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np

_LONGEST = 200  # characters, as the core's Graph has it
_LONGEST_SHOWN = 60  # characters of a wrong name in a message


def integer(who: str, value: Any, name: str = "batch_size", least: int = 1) -> int:
    """An integer of at least that, as one of 32 bits."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{who}: {name} must be an integer, got {value!r}")
    if value < least:
        raise ValueError(f"{who}: {name} must be at least {least}, got {value}")
    return min(int(value), 2**31 - 1)


def optional_integer(who: str, value: Any, name: str) -> Optional[int]:
    return None if value is None else integer(who, value, name)


def flag(who: str, name: str, value: Any) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{who}: {name} must be True or False, got {value!r}")
    return bool(value)


def check_seed(who: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{who}: seed must be an integer, got {value!r}")
    if value < 0:
        raise ValueError(f"{who}: seed must be at least 0, got {value}")


def number(who: str, name: str, value: Any) -> float:
    wrong = TypeError(f"{who}: {name} must be a number, got {value!r} ({type(value).__name__})")
    if isinstance(value, (bool, np.bool_, str, bytes)):
        raise wrong
    try:
        return float(value)
    except (TypeError, ValueError):
        raise wrong from None


def bound(who: str, name: str, value: Any) -> float:
    """A finite number of at least 0."""
    given = number(who, name, value)
    if not 0 <= given < float("inf"):
        raise ValueError(f"{who}: {name} must be finite and at least 0, got {value}")
    return given


def share(who: str, name: str, value: Any) -> float:
    """A number in [0, 1)."""
    given = number(who, name, value)
    if not 0 <= given < 1:
        raise ValueError(f"{who}: {name} must be in [0, 1), got {value}")
    return given


def name_or(who: str, value: Any, default: str) -> str:
    """A name that was given, or else the default."""
    _check_text(who, "name", value)
    return default if value is None else str(value)


def check_name(who: str, name: Any, what: str = "name") -> None:
    """Raises TypeError for what is neither None nor a str, and ValueError for what no layer or input can be called."""
    _check_text(who, what, name)
    if name is None:
        return
    if not 1 <= len(name) <= _LONGEST or not (name.isascii() and name.isprintable()) or "*" in name:
        shown = ascii(name[:_LONGEST_SHOWN]) + ("..." if len(name) > _LONGEST_SHOWN else "")
        raise ValueError(
            f"{who}: {what} must be 1 to {_LONGEST} printable ASCII characters other than *, got {shown}"
            + (f" of {len(name)} characters" if len(name) > _LONGEST else "")
        )


def _check_text(who: str, what: str, name: Any) -> None:
    if name is not None and not isinstance(name, str):
        raise TypeError(f"{who}: {what} must be None or a str, got {name!r}")
