"""What both clients have in common since it does not wait: options, numbers, webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._core import Core
from ._tokens import TokenProvider, Tokens


class Face:
    """A face of a client of the library."""

    _core: Core

    def _tokens(self, provider: TokenProvider) -> Tokens:
        raise NotImplementedError

    def configure(self, **options: Any) -> None:
        """Changes options, all or none; None puts a default back, and takes a `token_provider` away."""
        changes_provider = "token_provider" in options
        provider: TokenProvider | None = options.pop("token_provider", None)
        self._core.configure(options)
        if changes_provider:
            self._core.use_tokens(self._tokens(provider) if provider is not None else None)

    def config(self) -> dict[str, Any]:
        """The options in force and where each came from. Secrets are masked."""
        return self._core.json("oai_client_config_json")

    def stats(self) -> dict[str, Any]:
        """What became of the requests, and the limits as learned."""
        return self._core.json("oai_client_stats_json")

    def prometheus(self) -> str:
        """The same in the text format of Prometheus."""
        return self._core.told("oai_client_stats_prometheus")

    def verify_webhook(self, body: bytes, headers: Mapping[str, str], tolerance: float = 0) -> None:
        """Raises WebhookError unless the webhook was signed with `webhook_secret`, and not long ago."""
        self._core.verify_webhook(body, headers, tolerance)
