"""Networks, by the name that a recipe uses."""

from pipeline.contracts import Network
from pipeline.networks.dcgan import Dcgan
from pipeline.networks.draw import Draw
from pipeline.networks.encoder_decoder import EncoderDecoder
from pipeline.networks.fastgan import Fastgan
from pipeline.networks.gran import Gran
from pipeline.networks.mlp import Mlp
from pipeline.networks.resnet import Resnet
from pipeline.networks.stylegan import Stylegan
from pipeline.networks.stylizer import Stylizer

NETWORKS: dict[str, type[Network]] = {
    "dcgan": Dcgan,
    "draw": Draw,
    "encoder_decoder": EncoderDecoder,
    "fastgan": Fastgan,
    "gran": Gran,
    "mlp": Mlp,
    "resnet": Resnet,
    "stylegan": Stylegan,
    "stylizer": Stylizer,
}
