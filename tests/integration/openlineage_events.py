"""Whether OpenLineage events are what they should be.

Two judges. The classes of `openlineage-python` are generated from the published schemas: each event is built of them again,
field by field, which refuses unknown and missing fields, and UUIDs, instants and URIs that are none. The published JSON
Schemas themselves come with no package, so they are taken from a folder, where there is one: `$OPENLINEAGE_SPEC`, or
`openlineage` among the shared material, with `OpenLineage.json` and `facets/*.json` as in the `spec` folder of the OpenLineage
repository, version 2-0-2 (Apache-2.0). The `$id` of each names its place.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from openlineage.client import event_v2, facet_v2
from openlineage.client.serde import Serde
from referencing import Registry, Resource

from tests.shared import shared

_FACET_MODULES = (
    facet_v2.dataset_type_dataset,
    facet_v2.dataset_version_dataset,
    facet_v2.documentation_job,
    facet_v2.error_message_run,
    facet_v2.input_statistics_input_dataset,
    facet_v2.job_type_job,
    facet_v2.nominal_time_run,
    facet_v2.output_statistics_output_dataset,
    facet_v2.ownership_job,
)


def rebuilt(event: Mapping[str, Any]) -> dict[str, Any]:
    """Build an event again of the library's classes, and return it as they write it.

    Raises:
        TypeError, ValueError: a field is missing, unknown, or has a value that it may not have.
    """
    run, job = event["run"], event["job"]
    made = event_v2.RunEvent(
        **{
            k: v
            for k, v in event.items()
            if k not in {"schemaURL", "run", "job", "inputs", "outputs", "eventType"}
        },
        eventType=event_v2.RunState(event["eventType"]),
        run=event_v2.Run(**run | {"facets": _facets(run["facets"])}),
        job=event_v2.Job(**job | {"facets": _facets(job["facets"])}),
        inputs=[_dataset(event_v2.InputDataset, "inputFacets", each) for each in event["inputs"]],
        outputs=[_dataset(event_v2.OutputDataset, "outputFacets", each) for each in event["outputs"]],
    )
    found: dict[str, Any] = json.loads(Serde.to_json(made))
    return found


def _dataset(kind: Any, further: str, said: Mapping[str, Any]) -> Any:
    return kind(**said | {"facets": _facets(said["facets"]), further: _facets(said[further])})


def _facets(said: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {name: _facet(fields) for name, fields in said.items()}


def _facet(fields: Mapping[str, Any]) -> Any:
    name = fields["_schemaURL"].rpartition("/")[2]
    (module,) = (module for module in _FACET_MODULES if hasattr(module, name))
    given = {k: v for k, v in fields.items() if not k.startswith("_")}
    if "owners" in given:
        given["owners"] = [module.Owner(**owner) for owner in given["owners"]]
    made = getattr(module, name)(**given, producer=fields["_producer"])
    assert made._schemaURL == fields["_schemaURL"]
    return made


def published_validator() -> Draft202012Validator:
    """Return a validator of the published schemas; the test that asks is skipped where they are not."""
    folder = (
        Path(os.environ["OPENLINEAGE_SPEC"]) if "OPENLINEAGE_SPEC" in os.environ else shared("openlineage")
    )
    schemas = [json.loads(path.read_text()) for path in sorted(folder.rglob("*.json"))]
    registry = Registry().with_resources(
        (each["$id"], Resource.from_contents(each)) for each in schemas if "$id" in each
    )
    core = json.loads((folder / "OpenLineage.json").read_text())
    return Draft202012Validator(core, registry=registry, format_checker=Draft202012Validator.FORMAT_CHECKER)
