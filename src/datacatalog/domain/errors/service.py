"""Something that is needed does not work now, or was never set up."""

from __future__ import annotations

from datetime import timedelta

from datacatalog.domain.errors.root import DatacatalogError


class Throttled(DatacatalogError):
    """Too many wrong credentials came from one address; right ones are let in meanwhile."""

    code = "throttled"
    http = 429
    exit = 75
    retry = True

    def __init__(self, wait: timedelta) -> None:
        self.wait = wait
        super().__init__(f"too many wrong credentials; wait {wait.total_seconds():.0f} s")


class Unavailable(DatacatalogError):
    """Something that is needed does not work now."""

    code = "unavailable"
    http = 503
    exit = 75
    retry = True


class Overloaded(Unavailable):
    """More is asked for than can be done in time; nothing of it was begun."""

    code = "overloaded"

    def __init__(self, wait: timedelta) -> None:
        self.wait = wait
        super().__init__("too much is asked for at once; come again")


class NotYet(Unavailable):
    """Something else has to be done before; waiting for it counts as no try.

    Args:
        after: when to look again; None: soon.
    """

    code = "not-yet"

    def __init__(self, reason: str, after: timedelta | None = None) -> None:
        self.after = after
        super().__init__(reason)


class StoreDown(Unavailable):
    """The ledger cannot be read or written now."""

    code = "store-down"


class StoreBroken(StoreDown):
    """What a failed write left on disk is not known; only a process that opens the ledger anew can tell."""

    code = "store-broken"


class StorageDown(Unavailable):
    """A storage system cannot be read or written now."""

    code = "storage-down"


class Unreachable(Unavailable):
    """A server elsewhere did not answer, or not as it should."""

    code = "unreachable"


class PlatformDown(Unavailable):
    """The platform, or a server it calls back, cannot be reached now."""

    code = "platform-down"


class Misconfigured(DatacatalogError):
    """config.yml, secrets.json or the environment cannot be used as they are."""

    code = "misconfigured"
    exit = 78


class MissingExtra(Misconfigured):
    """Something was asked for that needs further packages."""

    code = "missing-extra"

    def __init__(self, module: str, extra: str) -> None:
        self.module, self.extra = module, extra
        super().__init__(
            f"{module} is not installed; this needs the extra: pip install 'datacatalog[{extra}]'"
        )
