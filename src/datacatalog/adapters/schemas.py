"""The JSON Schemas of schemas/, found installed or in the source tree, and documents checked against them.

`jsonschema_rs` looks first where it is installed: its yes is a yes, and 100 times quicker. On its no, and where it
is missing, `jsonschema` decides and words the complaints. tests/unit/test_schemas_engines.py holds the two together.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from functools import cached_property
from importlib import import_module
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import islice
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator, ValidationError
from jsonschema.validators import extend
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from datacatalog.adapters.schema_reasons import complaint
from datacatalog.domain.documents import public_fields
from datacatalog.domain.errors import InvalidRecord
from datacatalog.domain.records import Record
from datacatalog.ports.schemas import Schemas

PUBLISHED_BASE = "https://schema.catalog.sd2e.org/schemas/"
COMPLAINTS_MAX = 20

# The engines must agree on what an object and a list are: jsonschema alone refuses tuples and read-only mappings.
_Validator = extend(
    Draft7Validator,
    type_checker=Draft7Validator.TYPE_CHECKER.redefine_many(
        {
            "object": lambda _, value: isinstance(value, Mapping),
            "array": lambda _, value: isinstance(value, list | tuple),
        }
    ),
)
_FORMATS = Draft7Validator.FORMAT_CHECKER


class JsonSchemas:
    """The schemas by name, as ports.schemas.Schemas describes them. Threads may share one.

    Files are read, and validators built, when they are first asked for.
    """

    def __init__(
        self, base_url: str = PUBLISHED_BASE, folder: Path | None = None, *, quick: bool = True
    ) -> None:
        """
        Args:
            base_url: what every `$id` starts with; references are relative, so they follow.
            folder: holds the schema files, at any depth; None: those that came with the package.
            quick: let jsonschema_rs look first, where it is installed.
        """
        self._base_url = base_url.rstrip("/") + "/"
        self._files = {file.name.removesuffix(".json"): file for file in _json_files(folder or shipped())}
        self._engine = _quick_engine() if quick else None
        self._contents: dict[str, dict[str, Any]] = {}
        self._quick: dict[str, Any] = {}
        self._exact: dict[str, Any] = {}

    def names(self) -> Iterable[str]:
        return sorted(self._files)

    def get(self, name: str) -> Mapping[str, Any]:
        return deepcopy(self._schema(name))

    def valid(self, name: str, document: Any) -> bool:
        return self._passes_quickly(name, document) or not self._errors(name, document, limit=1)

    def complaints(self, name: str, document: Any) -> Sequence[tuple[str, str]]:
        if self._passes_quickly(name, document):
            return []
        return self._errors(name, document, limit=COMPLAINTS_MAX)

    def _schema(self, name: str) -> dict[str, Any]:
        if name not in self._contents:
            schema = json.loads(self._files[name].read_text("utf-8"))
            self._contents[name] = {**schema, "$id": f"{self._base_url}{name}.json"}
        return self._contents[name]

    def _passes_quickly(self, name: str, document: Any) -> bool:
        if self._engine is None:
            return False
        if name not in self._quick:
            self._quick[name] = self._engine.Draft7Validator(
                self._schema(name), retriever=self._named_by, validate_formats=True
            )
        try:
            return bool(self._quick[name].is_valid(document))
        except ValueError:  # it does not take every Python value, nor any depth; jsonschema decides
            return False

    def _named_by(self, url: str) -> dict[str, Any]:
        return self._schema(url.removeprefix(self._base_url).removesuffix(".json"))

    def _errors(self, name: str, document: Any, *, limit: int) -> list[tuple[str, str]]:
        if name not in self._exact:
            self._exact[name] = _Validator(
                self._schema(name), registry=self._registry, format_checker=_FORMATS
            )
        errors: Iterator[ValidationError] = self._exact[name].iter_errors(document)
        try:
            return [complaint(error) for error in islice(errors, limit)]
        except RecursionError:
            return [("", "is nested too deeply to be checked")]
        except ValueError:  # jsonschema writes values out, and Python writes no number of over 4300 digits
            return [("", "holds a number too large to be checked")]

    @cached_property
    def _registry(self) -> Registry[Any]:
        resources: list[tuple[str, Resource[Any]]] = [
            (schema["$id"], DRAFT7.create_resource(schema)) for schema in map(self._schema, self.names())
        ]
        return Registry().with_resources(resources).crawl()


def _quick_engine() -> Any:
    """Return jsonschema_rs, or None where there is no wheel of it for this machine."""
    try:
        return import_module("jsonschema_rs")
    except ImportError:
        return None


def shipped() -> Traversable:
    """Return the folder of the schemas that came with the package: inside it, or beside the sources."""
    inside = files("datacatalog") / "schemas"
    return inside if inside.is_dir() else Path(__file__).parents[3] / "schemas"


def _json_files(folder: Traversable) -> Iterator[Traversable]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _json_files(entry)
        elif entry.name.endswith(".json"):
            yield entry


def record_checker(schemas: Schemas) -> Callable[[Record], None]:
    """Return the check that stores make before they write: a record's body and UUID against `<kind>_document`.

    The check raises InvalidRecord. Names that begin with `_` are the catalog's own and are not looked at.
    """

    def check(record: Record) -> None:
        document = {**public_fields(record.body), "uuid": record.uuid}
        schema = f"{record.kind.value}_document"
        found = schemas.complaints(schema, document)
        if found:
            raise InvalidRecord(schema, found)

    return check
