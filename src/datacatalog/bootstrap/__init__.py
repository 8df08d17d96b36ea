from datacatalog.bootstrap.app import App, build_app
from datacatalog.bootstrap.tasks import TaskKind

__all__ = ["App", "TaskKind", "build_app"]
