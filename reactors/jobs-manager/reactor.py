"""PipelineJobs Manager: receives events and callbacks and moves jobs through their lifecycle."""

from pathlib import Path

from datacatalog.interfaces.reactor.once import serve

if __name__ == "__main__":
    raise SystemExit(serve("jobs-manager", Path(__file__).with_name("config.yml")))
