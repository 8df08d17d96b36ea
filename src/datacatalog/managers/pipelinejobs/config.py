"""The `pipelines` section of a reactor's configuration, checked where it is read and not when it is first missed."""

from __future__ import annotations

from typing import Any, ClassVar

from datacatalog.managers.common import Param
from datacatalog.managers.pipelinejobs.exceptions import WrongArgument


class CorePipelinesConfig(dict[str, Any]):
    """A configuration of pipelines; its values can be read as attributes, too. Further keys are kept.

    Raises:
        ManagedPipelineJobError (a ValueError as well): required keys are missing or empty; it names them.
    """

    PARAMS: ClassVar[list[Param]] = [("api_server", False, "api_server", None)]

    def __init__(self, **kwargs: Any) -> None:
        missing = [name for name, required, *_ in self.PARAMS if required and not kwargs.get(name)]
        if missing:
            raise WrongArgument(f"{type(self).__name__}: {', '.join(missing)} missing or empty")
        super().__init__({name: default for name, _, _, default in self.PARAMS} | kwargs)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class PipelineJobsConfig(CorePipelinesConfig):
    """What an agent needs that manages jobs.

    job_manager_id and job_indexer_id are the actors that jobs report to, job_manager_nonce goes into callback URLs.
    pipeline_uuid may be passed to each job instead.
    """

    PARAMS: ClassVar[list[Param]] = [
        *CorePipelinesConfig.PARAMS,
        ("job_manager_id", True, "job_manager_id", None),
        ("job_manager_nonce", True, "job_manager_nonce", None),
        ("job_indexer_id", True, "job_indexer_id", None),
        ("job_indexer_nonce", False, "job_indexer_nonce", None),
        ("pipeline_uuid", False, "pipeline_uuid", None),
    ]


class PipelinesConfig(CorePipelinesConfig):
    """What an agent needs that manages pipelines."""

    PARAMS: ClassVar[list[Param]] = [
        *CorePipelinesConfig.PARAMS,
        ("pipeline_manager_id", True, "pipeline_manager_id", None),
        ("pipeline_manager_nonce", True, "pipeline_manager_nonce", None),
    ]
