"""VGG19's layers against a plain list of them, and its weights from files and from a server on loopback."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
from torch import nn

from pipeline.errors import DataError
from pipeline.features.ganvas_net import checksum
from pipeline.features.vgg19 import CHANNELS, Vgg19, load_vgg19

# Places in torchvision's `features`: convolutions, the poolings between them, and the first ReLU of each stage.
CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28)
POOLINGS = (4, 9, 18, 27)
TAPS = (1, 6, 11, 20, 29)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random weights with torchvision's names, a layer of its classifier among them, and their file."""
    torch.manual_seed(0)
    random = {name: 0.05 * torch.randn(value.shape) for name, value in Vgg19().state_dict().items()}
    path = tmp_path_factory.mktemp("weights") / "vgg19-00000000.pth"
    torch.save({**random, "classifier.6.bias": torch.zeros(1000)}, path)
    return random, path


@pytest.fixture
def server(weights, tmp_path, monkeypatch):
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("pooch.core.time.sleep", lambda _: None)
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    handler = partial(Quiet, directory=str(weights[1].parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/{weights[1].name}"
        server.shutdown()
        thread.join()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def plain(weights):
    """Return VGG19 up to relu5_1, layer by layer, as its paper lists them (configuration E)."""
    widths = (64, 64, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512, 512)
    layers, before = [], 3
    for width in widths:
        if len(layers) in POOLINGS:
            layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
        layers += [nn.Conv2d(before, width, kernel_size=3, padding=1), nn.ReLU()]
        before = width
    net = nn.Sequential(*layers)
    net.load_state_dict({name.removeprefix("features."): value for name, value in weights.items()})
    return net


def test_names_and_numbers_are_torchvisions():
    state = Vgg19().state_dict()
    assert list(state) == [f"features.{place}.{part}" for place in CONVOLUTIONS for part in ("weight", "bias")]
    # 20,024,384 weights of the whole network's convolutions less the last three, of 512 x 512 x 9 + 512.
    assert sum(value.numel() for value in state.values()) == 20_024_384 - 3 * (512 * 512 * 9 + 512)


def test_the_maps_are_those_of_the_plain_list_of_layers(weights):
    pictures = torch.rand(2, 3, 48, 32) * 2 - 1
    maps = load_vgg19(str(weights[1]))(pictures)
    assert [tuple(one.shape) for one in maps] == [
        (2, width, 48 // 2**stage, 32 // 2**stage) for stage, width in enumerate(CHANNELS)
    ]
    net = plain(weights[0])
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    normal = ((pictures + 1) / 2 - mean[:, None, None]) / deviation[:, None, None]
    with torch.no_grad():
        for tap, found in zip(TAPS, maps, strict=True):
            torch.testing.assert_close(found, net[: tap + 1](normal), rtol=1e-4, atol=1e-6)
            assert found.min() >= 0


def test_gradients_reach_the_pictures_and_no_weights(weights):
    net = load_vgg19(str(weights[1]))
    pictures = torch.zeros(1, 3, 16, 16, requires_grad=True)
    net(pictures)[-1].sum().backward()
    assert pictures.grad.abs().sum() > 0
    assert not any(parameter.requires_grad for parameter in net.parameters())


def test_weights_are_downloaded_once_and_checked_by_the_digits_in_their_name(server, weights, tmp_path):
    digits = checksum(weights[1])[:8]
    net = load_vgg19(url=server, checksum=f"sha256:{digits}")
    assert torch.equal(net.state_dict()["features.28.bias"], weights[0]["features.28.bias"])
    assert (tmp_path / "cache" / "vgg19" / weights[1].name).read_bytes() == weights[1].read_bytes()
    load_vgg19(url="http://127.0.0.1:9/" + weights[1].name, checksum=f"sha256:{digits}")


def test_a_download_of_another_checksum_is_refused(server, tmp_path):
    with pytest.raises(DataError, match="has not the checksum sha256:dcbb9e9d; get the file in another way"):
        load_vgg19(url=server)
    assert not list((tmp_path / "cache" / "vgg19").iterdir())


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.pth: there is no such file; put vgg19-dcbb9e9d\.pth there"):
        load_vgg19(str(tmp_path / "nowhere.pth"))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "it is empty"),
        (b"no weights at all", ""),
        (b"root:x:0:0:root\n", "list index out of range"),
        ({"features.0.weight": torch.zeros(3)}, r"'features\.0\.bias' is missing"),
        ([1, 2], ""),
    ],
)
def test_other_files_are_refused(tmp_path, content, problem):
    path = tmp_path / "weights.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(DataError, match=rf"damaged, or no weights of torchvision's VGG19 \({problem}"):
        load_vgg19(str(path))
