"""Paths as users give them: str, bytes and os.PathLike."""

from __future__ import annotations

import os
from typing import Any, Union

__all__ = ["Path", "path_bytes", "path_text"]

Path = Union[str, "os.PathLike[str]"]


def path_bytes(who: str, name: str, path: Any) -> bytes:
    """As the file system has it. Raises TypeError for what is no path."""
    _check(who, name, path)
    return os.fsencode(path)


def path_text(who: str, name: str, path: Any) -> str:
    """As text. Raises TypeError for what is no path."""
    _check(who, name, path)
    return os.fsdecode(path)


def _check(who: str, name: str, path: Any) -> None:
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise TypeError(f"{who}: {name} must be a path, a str or pathlib.Path, got {path!r}")
