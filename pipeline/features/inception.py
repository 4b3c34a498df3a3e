"""The feature space of the published FID and KID: Inception-v3's last pooling, 2048 features."""

from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import Field

from pipeline.data.dataset import Dataset
from pipeline.data.download import fetch
from pipeline.errors import DataError
from pipeline.features.extractor import Extractor, FeatureSpace, Float64, Uint8
from pipeline.features.ganvas_net import checksum
from pipeline.features.inception_net import InceptionNet, resize
from pipeline.features.weights import read_weights

VERSION = 1
_URL = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth"
_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"


class Inception(Extractor):
    """Heusel et al. 2017 (FID), Binkowski et al. 2018 (KID), with the pictures resized as torch-fidelity does.

    The weights, 96 MB, are downloaded once unless `path` names them. Where they are neither, use another extractor: a
    distance in another space is no FID.
    """

    published_names: ClassVar = {"frechet": "fid", "kernel": "kid"}

    name: Literal["inception"] = "inception"
    path: str = Field("", description="the weights' file on this machine; '' downloads it")
    url: str = Field(_URL, description="where to download from")
    sha256: str = Field(_SHA256, pattern="^[0-9a-f]{64}$", description="checksum that the weights must have")

    def open(self, dataset: Dataset) -> FeatureSpace:
        path = Path(self.path) if self.path else fetch(self.url, folder="inception", checksum=f"sha256:{self.sha256}")
        net = load(path)
        if checksum(path) != self.sha256:
            raise DataError(f"{path}: has not the checksum {self.sha256}, so its figures are no FID; get a fresh copy")

        def measure(pictures: Uint8) -> Float64:
            with torch.inference_mode():
                batch = torch.from_numpy(np.ascontiguousarray(pictures)).float().expand(-1, 3, -1, -1)
                features: Float64 = net((resize(batch) - 128) / 128).double().numpy()
            return features

        return FeatureSpace(measure, {"name": self.name, "version": VERSION, "weights": path.name})


def load(path: Path) -> InceptionNet:
    """Return the network with the weights of a file in the published layout.

    Raises:
        DataError: the file is missing, damaged or holds other weights.

    """
    net = InceptionNet()
    read_weights(net, path, what="weights of FID's Inception-v3", name=_URL.rsplit("/", 1)[-1])
    return net
