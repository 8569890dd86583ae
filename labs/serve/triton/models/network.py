"""MobileNetV2 in torch alone, name for name torchvision's.

It is copied beside the classifier's ``model.py``.

Importing torchvision takes as long as importing torch. Each starting copy of the model would need
this time, and a student who changes a setting would wait for it.
"""

from torch import nn

#: Expansion, channels, blocks and first stride of each stage. Source: Sandler et al. 2018, table 2.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def mobilenet_v2(classes):
    """Return the untrained network, from float32 (N, 3, 224, 224) to logits (N, classes)."""
    blocks = [_conv(3, 32, size=3, stride=2)]
    channels = 32
    for expansion, wide, count, stride in _STAGES:
        for index in range(count):
            blocks.append(_Residual(channels, wide, stride if index == 0 else 1, expansion))
            channels = wide
    blocks.append(_conv(channels, 1280))
    classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes))
    return _MobileNetV2(nn.Sequential(*blocks), classifier)


class _MobileNetV2(nn.Module):
    def __init__(self, features, classifier):
        super().__init__()
        self.features, self.classifier = features, classifier

    def forward(self, images):
        means = nn.functional.adaptive_avg_pool2d(self.features(images), 1)
        return self.classifier(means.flatten(1))


class _Residual(nn.Module):
    """Widen, look at each channel by itself, narrow again.

    The input is added if the shape is the same.
    """

    def __init__(self, channels, wide, stride, expansion):
        super().__init__()
        hidden = channels * expansion
        layers = [_conv(channels, hidden)] if expansion > 1 else []
        layers.append(_conv(hidden, hidden, size=3, stride=stride, groups=hidden))
        layers.append(nn.Conv2d(hidden, wide, 1, bias=False))
        layers.append(nn.BatchNorm2d(wide))
        self.conv = nn.Sequential(*layers)
        self._adds = stride == 1 and channels == wide

    def forward(self, images):
        return images + self.conv(images) if self._adds else self.conv(images)


def _conv(channels, wide, *, size=1, stride=1, groups=1):
    padding = (size - 1) // 2
    conv = nn.Conv2d(channels, wide, size, stride, padding, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(wide), nn.ReLU6(inplace=True))
