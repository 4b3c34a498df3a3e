"""Networks, by the name that a recipe uses."""

from pipeline.contracts import Network

NETWORKS: dict[str, type[Network]] = {}
