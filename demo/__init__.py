"""The serving side of Ganvas: a page and an HTTP service that run exported models through ONNX Runtime."""

__version__ = "0.1.0"
