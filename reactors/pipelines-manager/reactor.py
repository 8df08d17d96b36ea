"""Pipelines Manager: registers pipelines, describes them anew, retires and restores them."""

from pathlib import Path

from datacatalog.interfaces.reactor.once import serve

if __name__ == "__main__":
    raise SystemExit(serve("pipelines-manager", Path(__file__).with_name("config.yml")))
