"""What an indexing does with the files it finds: decided once for all files that the same requests pick."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from datacatalog.domain.identifiers.records import record_uuid
from datacatalog.domain.identifiers.typed import read_typed
from datacatalog.domain.indexed import digest_of, file_body
from datacatalog.domain.indexing import IndexRequest, ProductIndexRequest, picked
from datacatalog.domain.jobs.job import Job
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.ports.stores import Work
from datacatalog.services.env import Env

PARENTS_MAX = 64
"""Of a job that is linked to more records than this, the files are linked to the job alone."""

Target = tuple[Relation, TypedUuid]


@dataclass(frozen=True, slots=True)
class Choice:
    """What is done with a file that certain requests pick.

    Attributes:
        fixity: whether its checksum is taken.
        targets: what it is linked to.
        said: the fields of a new file's body that are not of the file itself.
        digest: stands for all of this in the memory of what was seen.
    """

    requests: Sequence[IndexRequest]
    fixity: bool
    targets: Sequence[Target]
    said: Mapping[str, Any]
    digest: str


@dataclass(slots=True)
class Plan:
    """What one indexing does.

    Attributes:
        sources: the UUIDs of what product requests name.
        parents: what the job is a child of, and so its files are.
        always: what is done with every file; None: that depends on its name.
        system, path: where the archive is.
    """

    job: Job
    requests: Sequence[IndexRequest]
    sources: Mapping[str, TypedUuid]
    parents: Sequence[TypedUuid]
    env: Env
    _choices: dict[tuple[int, ...], Choice] = field(default_factory=dict)
    always: Choice | None = None
    system: str = ""
    path: str = ""

    def __post_init__(self) -> None:
        self.system, self.path = self.job.archive_system, self.job.archive_path
        if not any(request.patterns for request in self.requests):
            self.always = self._choice_of(self.requests)

    def choice(self, path: str) -> Choice | None:
        """Return what is done with a file; None: nobody picks it."""
        if self.always is not None:
            return self.always
        found = picked(self.requests, path, self.path)
        return self._choice_of(found) if found else None

    def uuid(self, path: str) -> TypedUuid:
        """Return the UUID of a file of this archive."""
        env = self.env
        if self.system == env.rules.default_system:
            # As the general rule has it, for a path as storages spell them.
            return env.identity.uuid(Kind.FILE, path)
        place = {"name": path, "storage_system": self.system}
        return record_uuid(Kind.FILE, place, env.identity, env.rules.default_system)

    def file_id(self, path: str) -> str:
        """Return the `file_id` of a file of this archive: `minted_file_id` of a path as storages spell them."""
        return f"file.tacc.{self.env.identity.shortened(Kind.FILE, f'agave://{self.system}{path}')}"

    def _choice_of(self, requests: Sequence[IndexRequest]) -> Choice:
        key = tuple(id(request) for request in requests)
        if key not in self._choices:
            self._choices[key] = self._made(requests)
        return self._choices[key]

    def _made(self, requests: Sequence[IndexRequest]) -> Choice:
        """Raises InvalidField: a request names a maker that is no typed UUID."""
        targets: set[Target] = {(Relation.GENERATED_BY, self.job.uuid)}
        targets |= {(Relation.CHILD_OF, uuid) for uuid in self.parents}
        body: dict[str, Any] = {}
        for request in requests:
            makers = (read_typed(uuid, field="generated_by") for uuid in request.generated_by)
            targets |= {(Relation.GENERATED_BY, uuid) for uuid in makers}
            if isinstance(request, ProductIndexRequest):
                targets |= {(Relation.DERIVED_FROM, self.sources[text]) for text in request.derived_from}
                targets |= {(Relation.DERIVED_USING, self.sources[text]) for text in request.derived_using}
            body = file_body(body, name="", storage_system=self.system, type="", request=request)
        said = {name: value for name, value in body.items() if name not in {"name", "storage_system", "type"}}
        fixity = any(request.fixity for request in requests)
        ordered = sorted(targets)
        return Choice(
            requests=tuple(requests),
            fixity=fixity,
            targets=ordered,
            said=said,
            digest=digest_of(self.system, fixity, said, ordered),
        )


def parents_of(job: Job, work: Work) -> Sequence[TypedUuid]:
    """Return the records that a job's files are children of: those that the job itself is a child of."""
    found = [link.target for link in work.links.of(job.uuid, Relation.CHILD_OF)]
    return found if len(found) <= PARENTS_MAX else ()
