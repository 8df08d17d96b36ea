"""Every error raised on purpose, sorted by whose turn it is to act.

    DatacatalogError                                                 HTTP  exit  again?
    |- BadMessage      InvalidMessage, InvalidJson, InvalidField     400   2     never
    |- Unauthenticated MissingCredentials, BadCredentials             401   77    never
    |- Refused         InvalidToken, ReservedEvent, NotClearable      403   77    never
    |- NotFound        UnknownRecord, UnknownActor                    404   3     never
    |- Conflict        IllegalTransition, StaleWrite, Duplicate       409   4     after reading anew
    |- PreconditionFailed                                             412   4     after reading anew
    |- TooLarge, UnsupportedMedia                                413, 415   2     never
    |- Throttled                                                      429   75    later
    |- Unavailable     StoreDown, PlatformDown, StorageDown           503   75    later, with backoff
    `- Misconfigured                                                  500   78    after mending config.yml

`code` is for programs and never changes; the text is for people. `complaints` names places: each has
`path` (JSON pointer, or a field name) and `message`, and `schema` where one was tried.
"""

from datacatalog.domain.errors.leave import (
    BadCredentials,
    ForbiddenTarget,
    InsufficientCredentials,
    InvalidAdminToken,
    InvalidToken,
    MissingCredentials,
    MissingToken,
    NotClearable,
    NotGranted,
    NotSupported,
    Refused,
    ReservedEvent,
    Unauthenticated,
)
from datacatalog.domain.errors.ledger import (
    AlreadyExists,
    ChangedContent,
    Conflict,
    Duplicate,
    GivenUp,
    IllegalTransition,
    LeaseLost,
    NoSuchPath,
    NotFound,
    NotInService,
    PreconditionFailed,
    StaleWrite,
    UnequalCopy,
    UnknownActor,
    UnknownRecord,
)
from datacatalog.domain.errors.messages import (
    BadMessage,
    ConflictingFields,
    InvalidBackup,
    InvalidField,
    InvalidJson,
    InvalidLink,
    InvalidMessage,
    InvalidPattern,
    InvalidRecord,
    InvalidTable,
    MixedLinkage,
    NotLoaded,
    TooLarge,
    UnsafePath,
    UnsupportedMedia,
)
from datacatalog.domain.errors.root import DatacatalogError
from datacatalog.domain.errors.service import (
    Misconfigured,
    MissingExtra,
    NotYet,
    Overloaded,
    PlatformDown,
    StorageDown,
    StoreBroken,
    StoreDown,
    Throttled,
    Unavailable,
    Unreachable,
)

__all__ = [
    "AlreadyExists",
    "BadCredentials",
    "BadMessage",
    "ChangedContent",
    "Conflict",
    "ConflictingFields",
    "DatacatalogError",
    "Duplicate",
    "ForbiddenTarget",
    "GivenUp",
    "IllegalTransition",
    "InsufficientCredentials",
    "InvalidAdminToken",
    "InvalidBackup",
    "InvalidField",
    "InvalidJson",
    "InvalidLink",
    "InvalidMessage",
    "InvalidPattern",
    "InvalidRecord",
    "InvalidTable",
    "InvalidToken",
    "LeaseLost",
    "Misconfigured",
    "MissingCredentials",
    "MissingExtra",
    "MissingToken",
    "MixedLinkage",
    "NoSuchPath",
    "NotClearable",
    "NotFound",
    "NotGranted",
    "NotInService",
    "NotLoaded",
    "NotSupported",
    "NotYet",
    "Overloaded",
    "PlatformDown",
    "PreconditionFailed",
    "Refused",
    "ReservedEvent",
    "StaleWrite",
    "StorageDown",
    "StoreBroken",
    "StoreDown",
    "Throttled",
    "TooLarge",
    "Unauthenticated",
    "Unavailable",
    "UnequalCopy",
    "UnknownActor",
    "UnknownRecord",
    "Unreachable",
    "UnsafePath",
    "UnsupportedMedia",
]
