"""The catalog from Python: for notebooks, scripts and programs that ask more than they send."""

from datacatalog.catalog.entries import Entries, Entry
from datacatalog.catalog.face import Catalog
from datacatalog.catalog.lineage import Drawing, Lineage
from datacatalog.catalog.records import Jobs, Records

__all__ = ["Catalog", "Drawing", "Entries", "Entry", "Jobs", "Lineage", "Records"]
