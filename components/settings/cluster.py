"""The Argo server that runs are submitted to."""

from __future__ import annotations

from pydantic import SecretStr

from components.errors import ConfigurationError
from components.settings.variables import Group, variable


class ClusterSettings(Group):
    title = "oriane submit (Argo server)"

    server: str | None = variable(
        "ARGO_SERVER", None, "Argo server's host:port, or its whole address"
    )
    token: SecretStr | None = variable(
        "ARGO_TOKEN", None, "Token for the Argo server", credential=True
    )
    namespace: str = variable("ARGO_NAMESPACE", "oriane", "Namespace of the pipeline")
    secure: bool = variable("ARGO_SECURE", True, "0 speaks HTTP if ARGO_SERVER has no scheme")
    insecure_skip_verify: bool = variable(
        "ARGO_INSECURE_SKIP_VERIFY", False, "1 accepts any certificate"
    )

    @property
    def address(self) -> str:
        """The server's address with its scheme.

        Raises:
            ConfigurationError: ARGO_SERVER is not set.
        """
        if not self.server:
            raise ConfigurationError(
                "ARGO_SERVER not set; set it to the Argo server's host:port, and ARGO_TOKEN to a "
                "token of the service account oriane-submitter"
            )
        if "://" in self.server:
            return self.server
        return f"{'https' if self.secure else 'http'}://{self.server}"
