"""Whose records a request may see and change: its tenant's, and those that other tenants granted it.

`ConfinedStore` is the one place where that is decided: a store around another one, which shows and changes nothing else.
"""

from datacatalog.services.tenancy.reach import Reach, Seeker, reach_of
from datacatalog.services.tenancy.store import ConfinedStore, check_reach, confined, unconfined

__all__ = ["ConfinedStore", "Reach", "Seeker", "check_reach", "confined", "reach_of", "unconfined"]
