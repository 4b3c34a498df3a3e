"""Networks, by the name that a recipe uses."""

from pipeline.contracts import Network
from pipeline.networks.dcgan import Dcgan
from pipeline.networks.fastgan import Fastgan
from pipeline.networks.mlp import Mlp
from pipeline.networks.resnet import Resnet
from pipeline.networks.stylegan import Stylegan
from pipeline.networks.stylizer import Stylizer

NETWORKS: dict[str, type[Network]] = {
    "dcgan": Dcgan,
    "fastgan": Fastgan,
    "mlp": Mlp,
    "resnet": Resnet,
    "stylegan": Stylegan,
    "stylizer": Stylizer,
}
