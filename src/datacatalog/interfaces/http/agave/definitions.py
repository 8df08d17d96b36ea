"""Definitions and orders that are sent: as JSON, in a form, or as a file in one, which is what Agave's clients do."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request as HttpRequest

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import BadMessage, ConflictingFields, InvalidField, UnsupportedMedia
from datacatalog.domain.strict_json import parse_object
from datacatalog.interfaces.http.agave.multipart import boundary_of, read_form
from datacatalog.interfaces.http.desk import Desk

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
FILE = "fileToUpload"


def media_type(request: HttpRequest) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_definition(request: HttpRequest, desk: Desk) -> JsonObject:
    """Read an object: the body as JSON, the fields of a form, or the JSON file `fileToUpload` of one.

    Raises:
        UnsupportedMedia, TooLarge, BadMessage.
    """
    match media_type(request):
        case "application/json":
            return parse_object(await desk.body(request))
        case "application/x-www-form-urlencoded":
            return form_fields(await desk.body(request))
        case "multipart/form-data":
            form = read_form(await desk.body(request), boundary_of(request))
            if FILE not in form:
                raise InvalidField(FILE, "is missing from the form")
            return parse_object(form[FILE])
    raise UnsupportedMedia(media_type(request), (JSON, MULTIPART, FORM))


def form_fields(body: bytes) -> dict[str, str]:
    """Return the fields of an encoded form, each once.  Raises BadMessage, ConflictingFields."""
    found: dict[str, str] = {}
    if body.lstrip().startswith(b"{"):
        # As a form it would be read as one with nothing in it. curl calls every body a form that it is not told of.
        raise BadMessage(f"the body is JSON, and is called a form: send it with 'Content-Type: {JSON}'")
    try:
        for name, value in parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict"):
            if found.setdefault(name, value) != value:
                raise ConflictingFields(name)
    except ValueError as e:
        raise BadMessage("the form is not encoded as one") from e
    return found
