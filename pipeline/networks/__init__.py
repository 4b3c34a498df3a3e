"""Networks, by the name that a recipe uses."""

from pipeline.contracts import Network
from pipeline.networks.dcgan import Dcgan
from pipeline.networks.draw import Draw
from pipeline.networks.encoder_decoder import EncoderDecoder
from pipeline.networks.fastgan import Fastgan
from pipeline.networks.gran import Gran
from pipeline.networks.mlp import Mlp
from pipeline.networks.projected import Projected
from pipeline.networks.resnet import Resnet
from pipeline.networks.stylegan import Stylegan
from pipeline.networks.stylizer import Stylizer
from pipeline.networks.unet import Unet
from pipeline.networks.unpaired import Unpaired

NETWORKS: dict[str, type[Network]] = {
    "dcgan": Dcgan,
    "draw": Draw,
    "encoder_decoder": EncoderDecoder,
    "fastgan": Fastgan,
    "gran": Gran,
    "mlp": Mlp,
    "projected": Projected,
    "resnet": Resnet,
    "stylegan": Stylegan,
    "stylizer": Stylizer,
    "unet": Unet,
    "unpaired": Unpaired,
}
