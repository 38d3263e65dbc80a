"""Names that users give to layers and inputs."""

from __future__ import annotations

from typing import Any

__all__ = ["check_name"]

_LONGEST = 200  # characters, as the core's Graph has it
_LONGEST_SHOWN = 60  # characters of a wrong name in a message


def check_name(who: str, name: Any, what: str = "name") -> None:
    """Raises TypeError for what is neither None nor a str, and ValueError for what no layer can be called."""
    if name is None:
        return
    if not isinstance(name, str):
        raise TypeError(f"{who}: {what} must be None or a str, got {name!r}")
    if not 1 <= len(name) <= _LONGEST or not (name.isascii() and name.isprintable()) or "*" in name:
        shown = ascii(name[:_LONGEST_SHOWN]) + ("..." if len(name) > _LONGEST_SHOWN else "")
        raise ValueError(
            f"{who}: {what} must be 1 to {_LONGEST} printable ASCII characters other than *, got {shown}"
            + (f" of {len(name)} characters" if len(name) > _LONGEST else "")
        )
