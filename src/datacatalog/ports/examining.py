"""What a part of the installation tells of itself when it is asked whether it is well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that was looked at.

    Attributes:
        about: what, in a word or two.
        do: what to do about it; "" where there is nothing to do.
    """

    about: str
    found: str
    well: bool = True
    do: str = ""


@runtime_checkable
class Examined(Protocol):
    """A store, or what carries messages, that knows more of its engine than others need to know."""

    def examine(self) -> Sequence[Remark]:
        """Look at what is particular to the engine: where it lies, how it is set up, whether it is reached.

        Takes some seconds at most. Raises StoreDown.
        """
        ...
