"""Pipelines Manager: registers pipelines, describes them anew, retires and restores them."""

from datacatalog.interfaces.reactor.once import serve

if __name__ == "__main__":
    raise SystemExit(serve("pipelines-manager"))
