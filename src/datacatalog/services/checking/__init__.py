"""Looking for what cannot be right in a ledger, on any engine, and mending what can be mended without losing anything."""

from datacatalog.services.checking.faults import Fault, Result
from datacatalog.services.checking.run import CHECKS, examine

__all__ = ["CHECKS", "Fault", "Result", "examine"]
