"""PipelineJobs Agave Proxy: launches apps as managed jobs."""

from pathlib import Path

from datacatalog.interfaces.reactor.once import serve

if __name__ == "__main__":
    raise SystemExit(serve("agave-proxy", Path(__file__).with_name("config.yml")))
