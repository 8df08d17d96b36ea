"""Nobody who may do this was recognised, or who was may not."""

from __future__ import annotations

from datacatalog.domain.errors.root import DatacatalogError


class Unauthenticated(DatacatalogError):
    """Nobody who may do this was recognised."""

    code = "unauthenticated"
    http = 401
    exit = 77


class MissingCredentials(Unauthenticated):
    """Neither a bearer token nor a nonce was shown."""

    code = "missing-credentials"

    def __init__(self) -> None:
        super().__init__("send 'Authorization: Bearer <token>' or the URL parameter x-nonce")


class BadCredentials(Unauthenticated):
    """What was shown is unknown, expired or used up."""

    code = "bad-credentials"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is not valid here")


class Refused(DatacatalogError):
    """The sender is known and may not do this."""

    code = "refused"
    http = 403
    exit = 77


class InsufficientCredentials(Refused):
    """The nonce or bearer token is good, but of too low a level, or opens another actor."""

    code = "insufficient-credentials"

    @classmethod
    def level(cls, what: str, has: str, wanted: str) -> InsufficientCredentials:
        return cls(f"{what} is of level {has}; this takes {wanted}")

    @classmethod
    def actor(cls, what: str, opens: str) -> InsufficientCredentials:
        return cls(f"{what} opens {opens} alone")


class InvalidToken(Refused):
    """The token is neither the update token of this document nor an administrative one."""

    code = "invalid-token"

    def __init__(self, uuid: str = "") -> None:
        self.uuid = uuid
        super().__init__(f"the token does not authorize this for {uuid or 'this document'}")


class MissingToken(Refused):
    """The message carries no token, and needs one."""

    code = "missing-token"

    def __init__(self) -> None:
        super().__init__("a token is required: field 'token' or URL parameter token=")


class InvalidAdminToken(Refused, ValueError):
    """Not an administrative token, or an expired one."""

    code = "invalid-admin-token"

    def __init__(self) -> None:
        super().__init__("an administrative token that is not older than 30 seconds is required")


class ReservedEvent(Refused):
    """Only the catalog itself writes this event."""

    code = "reserved-event"

    def __init__(self, event: str) -> None:
        super().__init__(f"event '{event}' is reserved to the catalog itself")


class NotClearable(Refused):
    """The archive path does not lie below a prefix of `storage.clearable`."""

    code = "not-clearable"

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is outside the places that may be cleared (storage.clearable)")


class ForbiddenTarget(Refused):
    """A request would go where this installation's requests may not go."""

    code = "forbidden-target"


class NotGranted(Refused):
    """A record is another tenant's, which granted no such leave."""

    code = "not-granted"


class NotSupported(Refused):
    """This platform, or this storage system, does not do that."""

    code = "not-supported"
