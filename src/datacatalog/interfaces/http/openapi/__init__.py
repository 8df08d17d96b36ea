"""The OpenAPI 3.1 document, made of schemas/: the wire contract stands in one place."""

from datacatalog.interfaces.http.openapi.document import document

__all__ = ["document"]
