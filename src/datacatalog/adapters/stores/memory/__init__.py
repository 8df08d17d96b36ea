"""The ledger in memory: the reference model of the store contract, and the store of tests and trials."""

from datacatalog.adapters.stores.memory.store import MemoryStore

__all__ = ["MemoryStore"]
