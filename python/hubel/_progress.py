"""What a training prints: a bar that moves on a terminal, a line an epoch elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from typing import Any, Dict, Sequence, Union

__all__ = ["Progress"]

_WIDTH = 24  # characters of the bar, where the terminal is wide enough
_REDRAW_SECONDS = 0.1  # faster than this the eye does not follow
_QUIET_SECONDS = 1.0  # what ends sooner shows no bar
_CLEAR_LINE = "\r\033[K"


class Progress:
    """Prints to standard output. verbose: 0 nothing, 1 a bar on a terminal and lines elsewhere, 2 lines, "auto" is 1."""

    def __init__(self, verbose: Union[int, str], epochs: int, metrics: Sequence[str]) -> None:
        if verbose not in (0, 1, 2, "auto"):
            raise ValueError(f"fit: verbose must be 'auto', 0, 1 or 2, got {verbose!r}")
        stream = sys.stdout
        self._lines = verbose != 0 and stream is not None
        self._bar = verbose in (1, "auto") and self._lines and stream.isatty()
        self._epochs = epochs
        shown = ("loss", *metrics)
        self._shown = (*shown, *("val_" + name for name in shown))
        self._started = self._drawn = time.monotonic()
        self._open = False  # a bar stands on the line

    @property
    def wants_steps(self) -> bool:
        return self._bar

    def step(self, epoch: int, step: int, steps: int, samples: int, logs: Dict[str, float], seconds: float) -> None:
        """After some of the steps."""
        now = time.monotonic()
        if now - self._started < _QUIET_SECONDS or now - self._drawn < _REDRAW_SECONDS:
            return
        self._drawn = now
        rate = samples / seconds if seconds > 0 else 0.0
        left = seconds * (steps - step) / step
        numbers = f"{self._numbers(logs)}  {rate:,.0f} samples/s  {left:.0f} s left"
        head = self._head(epoch)
        # A line that wrapped could not be drawn over; the last column makes some terminals wrap.
        columns = shutil.get_terminal_size().columns - 1
        width = max(min(_WIDTH, columns - len(head) - len(numbers) - 4), 0)
        bar = f"[{'#' * (width * step // steps):.<{width}}] " if width else ""
        self._write(_CLEAR_LINE + f"{head} {bar}{numbers}"[:columns])
        self._open = True

    def epoch(self, logs: Dict[str, Any]) -> None:
        """After an epoch."""
        if not self._lines:
            return
        numbers = self._numbers(logs)
        seconds = logs["seconds"]
        rate = f"  {logs['samples'] / seconds:,.0f} samples/s" if seconds > 0 else ""
        line_start = _CLEAR_LINE if self._open else ""
        self._write(f"{line_start}{self._head(logs['epoch'])}  {numbers}  {seconds:.1f} s{rate}\n")
        self._open = False

    def close(self) -> None:
        """Leaves a bar that still stands, as after an interruption, on a line of its own."""
        if self._open:
            self._write("\n")
            self._open = False

    def _numbers(self, logs: Dict[str, Any]) -> str:
        return "  ".join(f"{key} {logs[key]:.4f}" for key in self._shown if key in logs)

    def _head(self, epoch: int) -> str:
        width = len(str(self._epochs))
        return f"Epoch {epoch:>{width}}/{self._epochs}"

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
