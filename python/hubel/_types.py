"""Names for the types that the package's annotations use again and again."""

from __future__ import annotations

from typing import Any, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt

# What Hubel computes in and returns: float32 or float64.
Array = npt.NDArray[np.floating[Any]]
# What it takes: those, integers and bools.
AnyArray = npt.NDArray[Any]
# A pair of integers, or one for both.
IntPair = Union[int, Tuple[int, int], Sequence[int], npt.NDArray[np.integer[Any]]]
# "same", "valid", p, (ph, pw) or ((top, bottom), (left, right)).
Padding = Union[str, IntPair, Tuple[Tuple[int, int], Tuple[int, int]], Sequence[Sequence[int]]]
