"""What stands in for Triton's ONNX Runtime backend, which no package carries: its Python backend, with the same file.

Triton loads this as `model.py`, beside `model.onnx`; all else that it does with a model, batching included, is its own.
"""

from pathlib import Path

import numpy as np
import onnxruntime
import triton_python_backend_utils as triton


class TritonPythonModel:
    """Runs the requests of one batch in one go."""

    def initialize(self, args):
        path = Path(args["model_repository"]) / args["model_version"] / "model.onnx"
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.names = [
            [node.name for node in nodes] for nodes in (self.session.get_inputs(), self.session.get_outputs())
        ]

    def execute(self, requests):
        inputs, outputs = self.names
        # By DLPack in and out, because the backend knows NumPy's own arrays as they were before NumPy 2.
        rows = [
            [np.from_dlpack(triton.get_input_tensor_by_name(request, name)) for name in inputs] for request in requests
        ]
        ends = np.cumsum([len(row[0]) for row in rows])[:-1]
        feeds = {name: np.concatenate(arrays) for name, arrays in zip(inputs, zip(*rows, strict=True), strict=True)}
        parts = [map(np.copy, np.split(array, ends)) for array in self.session.run(outputs, feeds)]
        return [
            triton.InferenceResponse(
                [triton.Tensor.from_dlpack(name, part) for name, part in zip(outputs, answer, strict=True)]
            )
            for answer in zip(*parts, strict=True)
        ]
