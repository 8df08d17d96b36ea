"""What is looked at before an app is registered, besides its definition."""

from __future__ import annotations

from typing import Any

from datacatalog.adapters.platforms.local.agaveapps import scripts
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import InvalidField, NoSuchPath
from datacatalog.ports.storage import Storage


def checked(
    definition: JsonObject, storage: Storage, default_system: str, execution_system: str
) -> JsonObject:
    """Return a definition as it is written down: in Agave's words, it says on which system its folder lies.

    Raises:
        InvalidField: it is for another execution system, or its scripts are not where it says.
    """
    if "command" in definition:
        return definition
    wanted = definition.get("executionSystem", execution_system)
    if wanted != execution_system:
        raise InvalidField("executionSystem", f"is not {execution_system}, where jobs run here")
    found: dict[str, Any] = {
        **definition,
        "executionSystem": execution_system,
        "deploymentSystem": definition.get("deploymentSystem") or default_system,
    }
    if not found.get("templatePath"):
        raise InvalidField("command", "is missing, or, in Agave's words, deploymentPath and templatePath are")
    for name, script in scripts(found):
        if script.system not in storage.systems():
            raise InvalidField("deploymentSystem", f"{script.system} is no storage system here")
        try:
            storage.stat(script.system, script.path)
        except NoSuchPath as e:
            raise InvalidField(name, f"there is no file {script}") from e
    return found
