"""What textures and colours are compared by in training, by the name that an objective's `features` use."""

from pipeline.descriptors.descriptor import Descriptor
from pipeline.descriptors.ganvas_net import GanvasNetDescriptor
from pipeline.descriptors.random_bank import RandomBankDescriptor
from pipeline.descriptors.vgg19 import Vgg19Descriptor

DESCRIPTORS: dict[str, type[Descriptor]] = {
    "ganvas_net": GanvasNetDescriptor,
    "random_bank": RandomBankDescriptor,
    "vgg19": Vgg19Descriptor,
}
