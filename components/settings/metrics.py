"""Where the metrics of a run on one machine go."""

from __future__ import annotations

from pydantic import field_validator

from components.settings.variables import Group, server_address, variable


class MetricsSettings(Group):
    title = "Metrics of runs on one machine"

    file: str | None = variable(
        "VP_METRICS_FILE",
        None,
        "Write the last run's metrics to this .prom file, for node_exporter's textfile collector",
        pattern=r"\.prom$",
    )
    pushgateway_url: str | None = variable(
        "VP_PUSHGATEWAY_URL",
        None,
        "Push the last run's metrics to this Pushgateway, as job oriane",
    )

    @field_validator("pushgateway_url")
    @classmethod
    def _whole_address(cls, url: str | None) -> str | None:
        return server_address(url) if url else url

    @property
    def wanted(self) -> bool:
        """Whether they are to go anywhere."""
        return bool(self.file or self.pushgateway_url)
