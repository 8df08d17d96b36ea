"""Jobs that somebody submits to the platform itself: the ledger knows nothing of them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress

from datacatalog.domain.archive import PRODUCTS
from datacatalog.domain.documents import JsonObject, minified
from datacatalog.domain.errors import AlreadyExists, DatacatalogError, InvalidField, NoSuchPath, UnknownRecord
from datacatalog.domain.paths import normalised
from datacatalog.ports.platforms import PlatformJob
from datacatalog.ports.stores import Work
from datacatalog.services.archives import check_inputs, check_unclaimed, claim, is_claimed_by, release
from datacatalog.services.env import Env, Principal

ARCHIVES = "/archive/jobs"
"""Where outputs go of which the definition says nothing but that they are to be archived."""
_SCOPE = "platform-jobs"
_PAGE, _PAGE_MAX = 100, 3200


def submit(definition: JsonObject, principal: Principal, env: Env, *, delivery_id: str | None) -> PlatformJob:
    """Submit a job for somebody; the same request again is the same job.

    Args:
        env: acting for the principal.
        delivery_id: the request's own id, by which a repeat of it is recognized.
    Raises:
        AlreadyExists: the id was used for another definition; or its outputs would go into another job's archive.
        NoSuchPath: an input lies in the archive of another tenant's job.
        InvalidField, UnknownRecord, PlatformDown: as the platform says; or its outputs would go among others.
    """
    if not isinstance(definition.get("appId"), str) or not definition["appId"]:
        raise InvalidField("appId", "wants the id of an app")
    env.store.read(lambda work: check_inputs(definition, work, env.rules.default_system))
    key = _key(principal, delivery_id)
    mark = hashlib.sha256(minified(definition).encode()).hexdigest()
    known = delivery_id is not None and env.store.read(lambda work: _check_mark(key, mark, work))
    placed = _archived(definition, key)
    with nullcontext() if known else _claimed(placed, key, env):
        job = env.platform.submit(placed, key=key, owner=principal.name, tenant=env.tenant)
    if delivery_id is not None and not known:
        # Only now: what was refused had no effect, and may be sent again as it should have been.
        env.store.transact(lambda work: _remember(key, mark, work, env))
    return job


def job_of(id: str, env: Env) -> PlatformJob:
    """Return a job of one's own tenant.  Raises UnknownRecord, PlatformDown."""
    job = env.platform.job(id)
    if job.tenant not in ("", env.tenant):
        raise UnknownRecord(id[:80], "platform job")
    return job


def jobs_of(env: Env) -> Iterator[PlatformJob]:
    """Yield the jobs of one's own tenant, newest first.  Raises PlatformDown."""
    offset, size = 0, _PAGE
    while page := env.platform.jobs(tenant=env.tenant, limit=size, offset=offset):
        yield from page
        # Who reads on will read on: each page costs a look at all of them.
        offset, size = offset + len(page), min(2 * size, _PAGE_MAX)


def _key(principal: Principal, delivery_id: str | None) -> str:
    if delivery_id is None:
        return f"direct-{secrets.token_hex(16)}"
    # One sender's ids are nothing to another.
    whole = "\0".join((principal.tenant, principal.name, delivery_id))
    return f"direct-{hashlib.sha256(whole.encode()).hexdigest()[:32]}"


def _check_mark(key: str, mark: str, work: Work) -> bool:
    """Tell whether a definition was submitted before.  Raises AlreadyExists: another one was."""
    known = work.answers.recall(_SCOPE, key)
    if known is not None and known["mark"] != mark:
        raise AlreadyExists("this request id was used for another job before")
    return known is not None


def _remember(key: str, mark: str, work: Work, env: Env) -> None:
    if not _check_mark(key, mark, work):
        work.answers.remember(_SCOPE, key, {"mark": mark}, at=env.clock.now())


def _archived(definition: JsonObject, key: str) -> JsonObject:
    """Return the definition with the whole path of its outputs.  Raises InvalidField, UnsafePath."""
    path = definition.get("archivePath")
    if path and not isinstance(path, str):
        raise InvalidField("archivePath", "wants a path, as text")
    if path:
        return {**definition, "archivePath": normalised(f"/{path}", "archivePath")}
    wanted = str(definition.get("archive", False)).lower() == "true"
    return {**definition, "archivePath": f"{ARCHIVES}/{key}"} if wanted else definition


@contextmanager
def _claimed(definition: JsonObject, key: str, env: Env) -> Iterator[None]:
    """Keep the directory of a job's outputs for it, unless it is refused.

    Raises:
        InvalidField: something is there already, or it is where the archives of the ledger's jobs are.
        AlreadyExists: it is another job's, or lies in there.
    """
    path, system = definition.get("archivePath"), definition.get("archiveSystem") or env.rules.default_system
    if not path:
        yield
        return
    if not env.store.read(lambda work: is_claimed_by(key, system, path, work)):
        # Where this very job has claimed it before, what is there is its own.
        _check_free(system, path, env)

    def take(work: Work) -> None:
        check_unclaimed(system, path, work, key=key)
        claim(system, path, key, work, at=env.clock.now())

    env.store.transact(take)
    try:
        yield
    except DatacatalogError as e:
        if not e.retry:  # Otherwise the job may be there all the same, and begin later.
            env.store.transact(lambda work: release(system, path, work))
        raise
    with suppress(DatacatalogError):
        # Where it can be seen, nobody takes a directory above it for an empty one.
        env.storage.make_directory(system, path)


def _check_free(system: str, path: str, env: Env) -> None:
    """Refuse a directory where something is, or where the archives of the ledger's jobs are.  Raises InvalidField."""
    if f"{path}/".startswith(f"{PRODUCTS}/"):
        raise InvalidField("archivePath", f"below {PRODUCTS} are the archives of managed jobs; take another")
    if system not in env.storage.systems():
        return  # It is the platform's, which will say what it thinks of it.
    try:
        taken = bool(env.storage.list(system, path, limit=1))
    except NoSuchPath:
        return
    if taken:
        raise InvalidField("archivePath", "is a directory where something is already; take another")
