"""ML Metadata: an execution is put as NEW, as RUNNING, and as COMPLETE together with its output artifact, on SQLite as it opens it."""

from __future__ import annotations

import sys
from pathlib import Path

from talking import output, parameters, quiet_stdout, serve

out = quiet_stdout()

from ml_metadata.metadata_store import MetadataStore  # noqa: E402
from ml_metadata.proto import metadata_store_pb2 as proto  # noqa: E402

KINDS = {int: proto.INT, float: proto.DOUBLE, str: proto.STRING}
FIELDS = {int: "int_value", float: "double_value", str: "string_value"}


def fill(properties, values) -> None:  # type: ignore[no-untyped-def]
    for name, value in values.items():
        setattr(properties[name], FIELDS[type(value)], value)


def main(home: Path) -> None:
    config = proto.ConnectionConfig()
    config.sqlite.filename_uri = str(home / "mlmd.db")
    config.sqlite.connection_mode = proto.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    store = MetadataStore(config)
    job_type = proto.ExecutionType(name="Job")
    for name, value in parameters(0).items():
        job_type.properties[name] = KINDS[type(value)]
    file_type = proto.ArtifactType(name="File")
    for name, value in output(0).items():
        file_type.properties[name] = KINDS[type(value)]
    job_type_id, file_type_id = store.put_execution_type(job_type), store.put_artifact_type(file_type)

    def life(number: int) -> None:
        execution = proto.Execution(type_id=job_type_id, last_known_state=proto.Execution.NEW)
        fill(execution.properties, parameters(number))
        execution.id = store.put_executions([execution])[0]
        execution.last_known_state = proto.Execution.RUNNING
        store.put_executions([execution])
        execution.last_known_state = proto.Execution.COMPLETE
        artifact = proto.Artifact(type_id=file_type_id, uri=str(output(number)["path"]))
        fill(artifact.properties, output(number))
        store.put_execution(execution, [(artifact, proto.Event(type=proto.Event.OUTPUT))], [])

    serve(life, setup="SQLite file, journal and fsync as MLMD opens it", packages=["ml-metadata"], out=out)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
