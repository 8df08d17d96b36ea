"""PipelineJobs Agave Proxy: launches apps as managed jobs."""

from datacatalog.interfaces.reactor.once import serve

if __name__ == "__main__":
    raise SystemExit(serve("agave-proxy"))
