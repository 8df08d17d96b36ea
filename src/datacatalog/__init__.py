"""datacatalog: the ledger of computational pipelines.

`from datacatalog import Catalog` opens a catalog; what that takes is imported when it is first asked for.
"""

__version__ = "0.1.0"
__all__ = ["Catalog", "__version__"]

TYPE_CHECKING = False  # As typing has it, without what typing costs.
if TYPE_CHECKING:
    from datacatalog.catalog import Catalog


def __getattr__(name: str) -> object:
    if name == "Catalog":
        from importlib import import_module

        return import_module("datacatalog.catalog").Catalog
    raise AttributeError(f"module 'datacatalog' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
