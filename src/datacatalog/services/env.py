"""What services work with: the ports, the keys, and the few settings that rules depend on."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from datacatalog.domain.identifiers.typed import Identity
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.records import Record
from datacatalog.ports.clock import Clock
from datacatalog.ports.outgoing import Outgoing
from datacatalog.ports.platforms import Platform
from datacatalog.ports.schemas import Schemas
from datacatalog.ports.sealing import Sealer
from datacatalog.ports.storage import Storage
from datacatalog.ports.stores import Store
from datacatalog.ports.telemetry import SILENT, Telemetry
from datacatalog.ports.transport import Transport
from datacatalog.services.tenancy import ConfinedStore, Seeker

D = TypeVar("D")


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Whom a request runs as.

    Attributes:
        tenant, project: whose records it makes; "": those of the installation.
        spent: the uses of its nonce are all counted; it may only be told again what it was answered.
        operates: it has the files of the installation, and acts for it; everything is within its reach.
        calls_back: it came with the nonce of callback URLs, which go wherever jobs run (see services.reception).
        until: when its nonce expires; None: never, or it came with none.
    """

    name: str
    via: str
    level: str = "EXECUTE"
    tenant: str = ""
    project: str = ""
    spent: bool = False
    operates: bool = False
    calls_back: bool = False
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Settings that decide what happens, from config.yml.

    Attributes:
        default_system: storage system of jobs and files that name none.
        clearable: prefixes below which an archive path may be cleared.
        api_url: base URL that others reach the gateway at, without a slash at its end.
        actor_ids: actor name -> its id, for URLs.
        callback_nonces: actor name -> nonce that callback URLs carry.
        admin: owner, project and tenant of new records.
        poll_interval: how soon a platform is asked for a job of which no callback tells; later looks are further apart.
    """

    default_system: str = "data-sd2e-community"
    clearable: tuple[str, ...] = ("/products/v2", "/sample/tacc-cloud")
    api_url: str = "http://127.0.0.1:8000"
    actor_ids: Mapping[str, str] = field(default_factory=dict)
    callback_nonces: Mapping[str, str] = field(default_factory=dict, repr=False)
    admin: Mapping[str, str] = field(default_factory=dict)
    poll_interval: timedelta = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Secrets of this installation; none has a default value.

    Attributes:
        token: update tokens are derived from it, at least 32 bytes.
        administrator: who shows it may make administrative tokens.
    """

    token: bytes = field(repr=False)
    administrator: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Env:
    store: Store
    transport: Transport
    storage: Storage
    platform: Platform
    schemas: Schemas
    clock: Clock
    keys: Keys
    rules: Rules
    identity: Identity
    bearer: Callable[[str], Principal | None]
    webhooks: Outgoing
    sealer: Sealer
    telemetry: Telemetry = SILENT

    @property
    def tenant(self) -> str:
        """The tenant of what is made here."""
        return self.rules.admin.get("tenant", "")

    @property
    def home(self) -> str:
        """The installation's tenant, whose is whatever names none."""
        return self.store.home if isinstance(self.store, ConfinedStore) else self.tenant

    def acting_for(self, principal: Principal) -> Env:
        """Return what a request of `principal` works with.

        Its store holds what is within the principal's reach (services.tenancy); what it makes is its tenant's.
        """
        if principal.operates:
            return self.on(self.whole_store)
        tenant = principal.tenant or self.home
        admin = {
            "owner": principal.name or self.rules.admin.get("owner"),
            "project": principal.project or self.rules.admin.get("project"),
            "tenant": tenant,
        }
        seeker = Seeker(tenant=tenant, name=principal.name)
        return self.on(
            ConfinedStore(self.whole_store, seeker, home=self.home, clock=self.clock),
            _changed(self.rules, admin={name: value for name, value in admin.items() if value}),
        )

    def on(self, store: Store, rules: Rules | None = None) -> Env:
        """Return the same on another store, and with other rules, where some are given."""
        return _changed(self, store=store, rules=rules or self.rules)

    def acting_like(self, record: Record) -> Env:
        """Return what long work on behalf of a record works with, as if its owner asked for it."""
        admin = record.admin
        return self.acting_for(
            Principal(
                name=admin.get("owner", ""),
                via="work",
                tenant=admin.get("tenant", ""),
                project=admin.get("project", ""),
            )
        )

    @property
    def whole_store(self) -> Store:
        """The ledger as the installation itself sees it: all there is."""
        return self.store.whole if isinstance(self.store, ConfinedStore) else self.store

    def entry_uuid(self) -> TypedUuid:
        """Return a random UUID for a history entry."""
        return self.identity.uuid(Kind.PIPELINEJOB_EVENT, secrets.token_hex(32))


def _changed(original: D, **changes: Any) -> D:
    """Do as `dataclasses.replace` in a third of the time, since every message comes by here."""
    made = object.__new__(type(original))
    for name in original.__slots__:  # type: ignore[attr-defined]
        object.__setattr__(made, name, changes[name] if name in changes else getattr(original, name))
    return made


def new_salt() -> str:
    """Return a random salt for a document's update token."""
    return secrets.token_urlsafe(16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What handling a message came to.

    Attributes:
        result: the answer; never a secret.
        log: lines for people; never a secret.
        http: 200, 201, or 202 where workers go on with it.
        issued: the document whose update token the sender is given, since this message made or proved it.
    """

    result: Mapping[str, Any]
    log: tuple[str, ...] = ()
    http: int = 200
    issued: TypedUuid | None = None
