"""PipelineJobs Indexer: has the archive paths of finished jobs indexed."""

from pathlib import Path

from datacatalog.interfaces.reactor.once import serve

if __name__ == "__main__":
    raise SystemExit(serve("jobs-indexer", Path(__file__).with_name("config.yml")))
