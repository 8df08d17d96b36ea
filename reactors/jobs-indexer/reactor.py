"""PipelineJobs Indexer: has the archive paths of finished jobs indexed."""

from datacatalog.interfaces.reactor.once import serve

if __name__ == "__main__":
    raise SystemExit(serve("jobs-indexer"))
