"""datacatalog: the ledger of computational pipelines."""

__version__ = "0.1.0"
