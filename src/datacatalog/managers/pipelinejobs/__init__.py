"""Jobs that code sets up and moves itself: the published classes, thin faces over the services."""

from datacatalog.managers.pipelinejobs.exceptions import ManagedPipelineJobError
from datacatalog.managers.pipelinejobs.instanced import ManagedPipelineJobInstance
from datacatalog.managers.pipelinejobs.reactor import ReactorManagedPipelineJob
from datacatalog.managers.pipelinejobs.store import ManagedPipelineJob

__all__ = [
    "ManagedPipelineJob",
    "ManagedPipelineJobError",
    "ManagedPipelineJobInstance",
    "ReactorManagedPipelineJob",
]
