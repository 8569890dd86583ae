"""Slips that newcomers plausibly make in this lesson, collected before the questions' sentences were written."""

import numpy as np


def weakest_channels__input_channels(weight, count):
    """The sums are taken for each input channel instead of each output channel: the axes are wrong."""
    strength = np.abs(weight).sum(axis=(0, 2, 3))
    return np.sort(np.argsort(strength)[:count])


def weakest_channels__signs_kept(weight, count):
    """The weights are summed with their signs, without absolute values, so large ones cancel or look small."""
    strength = weight.sum(axis=(1, 2, 3))
    return np.sort(np.argsort(strength)[:count])


def fake_quantize__clipped_before_shift(x, scale, zero_point, qmin, qmax):
    """The integers are clipped before the zero point is added, not after."""
    q = np.clip(np.round(x / scale), qmin, qmax) + zero_point
    return (q - zero_point) * scale


def fake_quantize__truncated(x, scale, zero_point, qmin, qmax):
    """The digits after the point are cut off with astype(int) instead of rounding to the nearest integer."""
    q = np.clip((x / scale).astype(int) + zero_point, qmin, qmax)
    return (q - zero_point) * scale


def straight_through__reals_on_integer_bounds(gradient, x, scale, zero_point, qmin, qmax):
    """The real x is compared with the integer bounds directly, without scale and zero point."""
    return np.where((x >= qmin) & (x <= qmax), gradient, 0)


def straight_through__mask_inverted(gradient, x, scale, zero_point, qmin, qmax):
    """The mask is inverted: the gradient passes where x was clipped and is 0 where x lies on the ruler."""
    q = np.round(x / scale) + zero_point
    clipped = (q < qmin) | (q > qmax)
    return gradient * clipped


def soft_targets_loss__student_not_softened(student_logits, teacher_logits, temperature):
    """Only the teacher's logits are divided by the temperature; the student's stay as they are."""
    teacher = np.exp(teacher_logits / temperature)
    teacher = teacher / teacher.sum(axis=1, keepdims=True)
    student = np.exp(student_logits)
    student = student / student.sum(axis=1, keepdims=True)
    return -(teacher * np.log(student)).sum(axis=1).mean() * temperature**2


def soft_targets_loss__mean_over_classes(student_logits, teacher_logits, temperature):
    """The mean is taken over all entries, so the classes of a photo are averaged instead of summed."""

    def softmax(z):
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    teacher = softmax(teacher_logits / temperature)
    student = softmax(student_logits / temperature)
    return -np.mean(teacher * np.log(student)) * temperature**2
