"""What is printed of what takes its time: a bar that moves on a terminal, and lines."""

from __future__ import annotations

import shutil
import sys
import time
from typing import Any, Dict, Optional, Sequence, Union

__all__ = ["Passage", "Progress"]

_WIDTH = 24  # characters of the bar, where the terminal is wide enough
_REDRAW_SECONDS = 0.1  # faster than this the eye does not follow
_QUIET_SECONDS = 1.0  # what ends sooner shows no bar
_CLEAR_LINE = "\r\033[K"


def _check_verbose(who: str, verbose: Any) -> None:
    if verbose not in (0, 1, 2, "auto"):
        raise ValueError(f"{who}: verbose must be 'auto', 0, 1 or 2, got {verbose!r}")


class _Bar:
    """A line of a terminal that is drawn over, once the work has taken a while."""

    def __init__(self, verbose: Union[int, str]) -> None:
        stream = sys.stdout
        self.wanted = verbose in (1, "auto") and stream is not None and stream.isatty()
        self.started = self._drawn = time.monotonic()
        self.is_open = False  # it stands on the line

    def is_due(self) -> bool:
        now = time.monotonic()
        if not self.wanted or now - self.started < _QUIET_SECONDS or now - self._drawn < _REDRAW_SECONDS:
            return False
        self._drawn = now
        return True

    def draw(self, head: str, share: Optional[float], numbers: str) -> None:
        """share: of the work that is done, where it is known."""
        # A line that wrapped could not be drawn over; the last column makes some terminals wrap.
        columns = shutil.get_terminal_size().columns - 1
        width = 0 if share is None else max(min(_WIDTH, columns - len(head) - len(numbers) - 4), 0)
        bar = f"[{'#' * int(width * (share or 0)):.<{width}}] " if width else ""
        _write(_CLEAR_LINE + f"{head} {bar}{numbers}"[:columns])
        self.is_open = True

    def clear(self) -> None:
        if self.is_open:
            _write(_CLEAR_LINE)
        self.is_open = False


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _rate(samples: int, seconds: float) -> str:
    return f"{samples / seconds if seconds > 0 else 0.0:,.0f} samples/s"


class Passage:
    """Going through samples once, as `Model.predict` does. verbose: 0 nothing, "auto" a bar on a terminal, 2 a line at
    the end, 1 both."""

    def __init__(self, who: str, verbose: Union[int, str], samples: Optional[int]) -> None:
        _check_verbose(who, verbose)
        self._who, self._line = who, verbose in (1, 2) and sys.stdout is not None
        self._bar = _Bar(verbose)
        self.samples = samples  # all of them, where they are known
        self.results: Dict[str, float] = {}  # for the line

    def report(self, done: int) -> None:
        """After some of the batches, with the samples that are done."""
        if not self._bar.is_due():
            return
        seconds = time.monotonic() - self._bar.started
        numbers = f"{done:,} samples  {_rate(done, seconds)}"
        if self.samples is None:
            self._bar.draw(self._who, None, numbers)
            return
        left = seconds * (self.samples - done) / max(done, 1)
        self._bar.draw(self._who, done / self.samples, f"{numbers}  {left:.0f} s left")

    def __enter__(self) -> Passage:
        return self

    def __exit__(self, failed: Any, *_: Any) -> None:
        self._bar.clear()
        if failed is not None or not self._line:
            return
        seconds = time.monotonic() - self._bar.started
        parts = [self._who, *(f"{name} {value:.4f}" for name, value in self.results.items()), f"{seconds:.1f} s"]
        if self.samples is not None:
            parts += [f"{self.samples:,} samples", _rate(self.samples, seconds)]
        _write("  ".join(parts) + "\n")


class Progress:
    """Of a training. verbose: 0 nothing, 1 a bar on a terminal and lines elsewhere, 2 lines, "auto" is 1."""

    def __init__(self, verbose: Union[int, str], epochs: int, metrics: Sequence[str]) -> None:
        _check_verbose("fit", verbose)
        self._lines = verbose != 0 and sys.stdout is not None
        self._bar = _Bar(verbose)
        self._epochs = epochs
        shown = ("loss", *metrics)
        self._shown = (*shown, *("val_" + name for name in shown))

    @property
    def wants_steps(self) -> bool:
        return self._bar.wanted

    def step(self, epoch: int, step: int, steps: int, samples: int, logs: Dict[str, float], seconds: float) -> None:
        """After some of the steps."""
        if not self._bar.is_due():
            return
        left = seconds * (steps - step) / step
        numbers = f"{self._numbers(logs)}  {_rate(samples, seconds)}  {left:.0f} s left"
        self._bar.draw(self._head(epoch), step / steps, numbers)

    def epoch(self, logs: Dict[str, Any]) -> None:
        """After an epoch."""
        if not self._lines:
            return
        numbers = self._numbers(logs)
        seconds = logs["seconds"]
        rate = f"  {_rate(logs['samples'], seconds)}" if seconds > 0 else ""
        self._bar.clear()
        _write(f"{self._head(logs['epoch'])}  {numbers}  {seconds:.1f} s{rate}\n")

    def close(self) -> None:
        """Leaves a bar that still stands, as after an interruption, on a line of its own."""
        if self._bar.is_open:
            _write("\n")
            self._bar.is_open = False

    def _numbers(self, logs: Dict[str, Any]) -> str:
        return "  ".join(f"{key} {logs[key]:.4f}" for key in self._shown if key in logs)

    def _head(self, epoch: int) -> str:
        width = len(str(self._epochs))
        return f"Epoch {epoch:>{width}}/{self._epochs}"
