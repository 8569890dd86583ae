"""Starting a MobileNetV2 from an EfficientNet-Lite0: the same kind of blocks, a little narrower.

Both networks are chains of inverted residuals with ReLU6 and no activation between blocks, so the
stream between blocks may be projected onto its principal directions without loss other than the
directions left out. Block by block, this module keeps the most important hidden channels, refits 5
by 5 filters as 3 by 3, and solves the projection back to the stream by least squares against the
teacher's output. Training then repairs a network that already works instead of growing one from
noise.

The teacher is timm's: a block is `conv_pw`, `bn1`, `conv_dw`, `bn2`, `conv_pwl`, `bn3`, each norm
with its activation; the first block has no expansion and is `conv_dw`, `bn1`, `conv_pw`, `bn2`.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional
from torchvision.models import mobilenet_v2

from labs.data.labels import NUM_CLASSES

#: Teacher block whose work each student block takes over. Two stages are one block deeper in the
#: student: their extra block (None) corrects what the narrower stream lost. One stage is one block
#: shallower: block 14 has no heir, and student block 16 aims at its output.
HEIRS: dict[int, int | None] = {
    1: 0,
    2: 1,
    3: 2,
    4: 3,
    5: 4,
    6: None,
    7: 5,
    8: 6,
    9: 7,
    10: None,
    11: 8,
    12: 9,
    13: 10,
    14: 11,
    15: 12,
    16: 13,
    17: 15,
}
#: Teacher block at whose output each student stage ends.
STAGE_ENDS: dict[int, int] = {3: 2, 6: 4, 10: 7, 13: 10, 16: 14, 17: 15}


def blocks_of(teacher: nn.Module) -> list[nn.Module]:
    """Return a timm network's blocks, counted through its stages."""
    return [block for stage in teacher.blocks for block in stage]


def copy_norm(
    mine: nn.BatchNorm2d, theirs: nn.BatchNorm2d, channels: torch.Tensor | slice = slice(None)
) -> None:
    """Copy a batch norm whose epsilon differs, or some of its channels."""
    source = theirs.state_dict()
    for name, tensor in mine.state_dict().items():
        # The number of batches, without an axis, is one for all channels.
        tensor.copy_(source[name][channels] if tensor.dim() else source[name])
    mine.running_var += theirs.eps - mine.eps


def _normalized(norm: nn.BatchNorm2d, inputs: torch.Tensor) -> torch.Tensor:
    """Return what a timm norm makes of its inputs, before the activation that is part of it."""
    return functional.batch_norm(
        inputs,
        norm.running_mean,
        norm.running_var,
        norm.weight,
        norm.bias,
        training=False,
        eps=norm.eps,
    )


def _set_norm(
    norm: nn.BatchNorm2d, outputs: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor
) -> None:
    """Make the norm compute `outputs * scale + shift` in both modes, given the outputs that come
    in.
    """
    mean = outputs.mean((0, 2, 3))
    variance = outputs.var((0, 2, 3))
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.weight.copy_(scale * (variance + norm.eps).sqrt())
    norm.bias.copy_(scale * mean + shift)


def _affine(norm: nn.BatchNorm2d) -> tuple[torch.Tensor, torch.Tensor]:
    """Return scale and shift of a batch norm in evaluation mode."""
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return scale, norm.bias - norm.running_mean * scale


def _solve(features: torch.Tensor, targets: torch.Tensor, ridge: float) -> torch.Tensor:
    """Return least-squares weights (…, K+1, D) from features (…, M, K), with a constant as the last
    feature.
    """
    constant = torch.ones_like(features[..., :1])
    features = torch.cat([features, constant], -1).double()
    gram = features.mT @ features
    diagonal = torch.diagonal(gram, dim1=-2, dim2=-1)
    size = diagonal.mean(-1)[..., None, None]
    identity = torch.eye(gram.shape[-1], dtype=torch.float64)
    gram = gram + ridge * size * identity
    moments = features.mT @ targets.double()
    return torch.linalg.solve(gram, moments).float()


def _rows(maps: torch.Tensor) -> torch.Tensor:
    """Return maps (N, C, H, W) as rows (N*H*W, C)."""
    return maps.permute(0, 2, 3, 1).flatten(0, 2)


def _fit_depthwise(block: nn.Module, hidden: torch.Tensor, targets: torch.Tensor) -> None:
    """Fit each channel's 3 by 3 filter to the teacher's filter output before the activation."""
    convolution, norm, _ = block.conv[1]
    few = slice(0, 64)
    for start in range(0, hidden.shape[1], 32):
        part = slice(start, start + 32)
        maps = hidden[few, part]
        planes = maps.reshape(-1, 1, *maps.shape[2:])
        patches = functional.unfold(planes, 3, padding=1, stride=convolution.stride)
        # (pictures, channels, 9, places) to (channels, pictures and places, 9)
        patches = patches.reshape(*maps.shape[:2], 9, -1)
        patches = patches.permute(1, 0, 3, 2).flatten(1, 2)
        wanted = targets[few, part].permute(1, 0, 2, 3).flatten(1)
        weights = _solve(patches, wanted[..., None], 1e-4)[..., 0]
        filters = weights[:, :9]
        convolution.weight[part] = filters.reshape(-1, 1, 3, 3)
        norm.bias[part] = weights[:, 9]
    ones = torch.ones(hidden.shape[1])
    _set_norm(norm, convolution(hidden), ones, norm.bias.clone())


def _fit_project(block: nn.Module, hidden: torch.Tensor, targets: torch.Tensor) -> None:
    """Fit the projection back to the stream."""
    convolution = block.conv[-2]
    norm = block.conv[-1]
    weights = _solve(_rows(hidden), _rows(targets), 1e-4)
    matrix = weights[:-1].T
    convolution.weight.copy_(matrix[..., None, None])
    ones = torch.ones(targets.shape[1])
    _set_norm(norm, convolution(hidden), ones, weights[-1])


class _Stream:
    """A stage's projection: the teacher's stream is about `basis.T @ narrow + rest`."""

    def __init__(self, maps: list[torch.Tensor], width: int) -> None:
        """Find the directions of a stage's maps that vary most, as many as the student is wide."""
        rows = torch.cat([_rows(part) for part in maps])
        mean = rows.mean(0)
        centred = rows - mean
        _, vectors = torch.linalg.eigh(centred.T.double() @ centred.double())
        # A direction's sign is arbitrary; fixed, a repeated run gives the same student.
        largest = vectors.abs().argmax(0, keepdim=True)
        vectors = vectors * vectors.gather(0, largest).sign()
        if width < rows.shape[1]:
            self.basis = vectors.flip(1)[:, :width].T.float()
        else:
            self.basis = torch.eye(width)
        self.rest = mean - self.basis.T @ (self.basis @ mean)

    def narrow(self, maps: torch.Tensor) -> torch.Tensor:
        """Return the teacher's maps as the student should carry them."""
        return torch.einsum("ntij,st->nsij", maps, self.basis)

    def widen(self) -> nn.Conv2d:
        """Return the convolution that leads back from the narrow stream to the teacher's."""
        layer = nn.Conv2d(*self.basis.shape, 1)
        layer.weight.copy_(self.basis.T[..., None, None])
        layer.bias.copy_(self.rest)
        return layer


def _use(filtered: torch.Tensor, project: nn.Conv2d, norm: nn.BatchNorm2d) -> torch.Tensor:
    """Return what each hidden channel is worth: how much it varies, times how strongly it is
    written to the stream.
    """
    scale, _ = _affine(norm)
    matrix = project.weight[:, :, 0, 0]
    written = (matrix * scale[:, None]).norm(dim=0)
    return functional.relu6(filtered).std((0, 2, 3)) * written


def _most_used(use: torch.Tensor, count: int) -> torch.Tensor:
    """Return the indices, rising, of the hidden channels that are worth most."""
    return use.argsort(descending=True)[:count].sort().values


def _after(layer: Callable[[torch.Tensor], torch.Tensor], inputs: torch.Tensor) -> torch.Tensor:
    """Return what leaves a layer, 32 pictures at a time."""
    return torch.cat([layer(part) for part in inputs.split(32)])


def _teach(
    block: nn.Module, donor: nn.Module, stream: _Stream, x: torch.Tensor, x_teacher: torch.Tensor
) -> torch.Tensor:
    """Fill a student block's first two layers from a teacher block, and return its hidden maps."""
    expand, norm, _ = block.conv[0]
    expanded = donor.bn1(donor.conv_pw(x_teacher))
    filtered = _normalized(donor.bn2, donor.conv_dw(expanded))
    use = _use(filtered, donor.conv_pwl, donor.bn3)
    channels = _most_used(use, expand.out_channels)
    wide = donor.conv_pw.weight[channels, :, 0, 0]
    scale, shift = (part[channels] for part in _affine(donor.bn1))
    narrow = wide @ stream.basis.T
    expand.weight.copy_(narrow[..., None, None])
    shift = shift + scale * (wide @ stream.rest)
    _set_norm(norm, expand(x), scale, shift)
    hidden = functional.relu6(norm(expand(x)))
    _fit_depthwise(block, hidden, filtered[:, channels])
    return block.conv[1](hidden)


def _begin(
    student: nn.Module,
    teacher: nn.Module,
    inputs: torch.Tensor,
    outside: _Stream,
    after: torch.Tensor,
) -> torch.Tensor:
    """Keep the stem's channels that the first block uses most, fit that block, and return what
    leaves it.
    """
    stem, block = student.features[:2]
    donor = blocks_of(teacher)[0]
    seen = _after(_stem_of(teacher), inputs)
    filtered = _normalized(donor.bn1, donor.conv_dw(seen))
    use = _use(filtered, donor.conv_pw, donor.bn2)
    channels = _most_used(use, stem[0].out_channels)
    stem[0].weight.copy_(teacher.conv_stem.weight[channels])
    copy_norm(stem[1], teacher.bn1, channels)
    filters = block.conv[0]
    filters[0].weight.copy_(donor.conv_dw.weight[channels])
    copy_norm(filters[1], donor.bn1, channels)
    _fit_project(block, filters(seen[:, channels]), outside.narrow(after))
    return _after(student.features[:2], inputs)


def _stem_of(teacher: nn.Module) -> nn.Module:
    return nn.Sequential(teacher.conv_stem, teacher.bn1)


@torch.no_grad()
def transplant(
    teacher: nn.Module, inputs: torch.Tensor, width_mult: float = 1.0
) -> tuple[nn.Module, nn.ModuleDict]:
    """Return a MobileNetV2 that starts from the teacher's weights.

    Args:
        teacher: EfficientNet-Lite0 from `build_teacher`, in evaluation mode.
        inputs: Pictures to fit on, float32 (N, 3, 224, 224); about 256 are enough.
        width_mult: The student's width, 1 or less.

    Returns:
        The student in evaluation mode, and for each teacher block at whose output a student stage
        ends the 1 by 1 convolution that turns the student's stream into the teacher's, as far as
        its width allows.
    """
    student = mobilenet_v2(num_classes=NUM_CLASSES, width_mult=width_mult).eval()
    blocks = blocks_of(teacher)
    beginning = nn.Sequential(_stem_of(teacher), blocks[0])
    after = [_after(beginning, inputs)]
    for block in blocks[1:]:
        after.append(_after(block, after[-1]))
    adapters = nn.ModuleDict()
    begin = 2
    first = 1
    inside = _Stream([after[0]], student.features[1].out_channels)
    x = _begin(student, teacher, inputs, inside, after[0])
    for end, last in STAGE_ENDS.items():
        outside = _Stream(after[first : last + 1], student.features[end].out_channels)
        donor_index = first
        for index in range(begin, end + 1):
            block = student.features[index]
            heir = HEIRS[index]
            donor_index = heir if heir is not None else donor_index
            # An extra block borrows the filters of the block before it and corrects the stage's
            # output.
            goal = last if index == end else donor_index
            if heir is None:
                hidden = _teach_again(block, student.features[index - 1], x)
            else:
                hidden = _teach(block, blocks[heir], inside, x, after[heir - 1])
            target = outside.narrow(after[goal])
            _fit_project(block, hidden, target - x if block.use_res_connect else target)
            x = block(x)
            inside = outside
        adapters[str(last)] = outside.widen()
        begin = end + 1
        first = last + 1
    head = teacher.conv_head.weight[:, :, 0, 0]
    narrow_head = head @ inside.basis.T
    convolution, norm, _ = student.features[18]
    convolution.weight.copy_(narrow_head[..., None, None])
    copy_norm(norm, teacher.bn2)
    norm.running_mean -= head @ inside.rest
    student.classifier[1].load_state_dict(teacher.classifier.state_dict())
    return student, adapters.requires_grad_(False)


def _teach_again(block: nn.Module, before: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Fill a block's first two layers from the student block before it, and return its hidden
    maps.
    """
    for mine, theirs in zip(block.conv[:2], before.conv[:2], strict=True):
        mine.load_state_dict(theirs.state_dict())
        x = theirs[0](x)
        _set_norm(mine[1], x, *_affine(theirs[1]))
        x = functional.relu6(mine[1](x))
    return x
