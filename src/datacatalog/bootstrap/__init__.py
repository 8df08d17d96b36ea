from datacatalog.bootstrap.app import App, build_app
from datacatalog.bootstrap.tasks import TaskKind
from datacatalog.bootstrap.telemetry import Service

__all__ = ["App", "Service", "TaskKind", "build_app"]
