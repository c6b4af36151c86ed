import subprocess
import sys

import numpy as np
import torch

from trichoscan.segment.network import CHANNELS, DIVISOR, HairNet


def test_every_map_is_half_the_size_of_the_photo_at_any_multiple_of_the_divisor() -> None:
    network = HairNet((8, 8, 8, 8)).eval()
    for height, width in ((DIVISOR, DIVISOR), (5 * DIVISOR, 3 * DIVISOR)):
        with torch.inference_mode():
            maps = network(torch.zeros(1, 3, height, width))
        assert list(maps) == list(CHANNELS)
        for name, value in maps.items():
            assert value.shape == (1, CHANNELS[name], height // 2, width // 2)


def test_an_untrained_network_expects_hardly_any_hair() -> None:
    network = HairNet((8, 8, 8, 8)).eval()
    network.head.weight.data.zero_()
    with torch.inference_mode():
        root = torch.sigmoid(network(torch.rand(1, 3, 64, 64))["root"])
    np.testing.assert_allclose(root.numpy(), 0.01, atol=1e-4)


def test_importing_the_package_and_asking_for_help_does_not_import_torch() -> None:
    code = (
        "import sys, trichoscan, trichoscan.cli, trichoscan.records\n"
        "heavy = {'torch', 'pandas', 'matplotlib', 'skimage'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
