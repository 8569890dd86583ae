"""Second right solutions of "Prune, distil, train for it"."""

import numpy as np


def weakest(weight, count):
    """Rank by sorting pairs."""
    strength = [(float(np.sum(np.abs(one))), place) for place, one in enumerate(weight)]
    return sorted(place for _, place in sorted(strength)[:count])


def soft_targets(student_logits, teacher_logits, temperature):
    """Photo by photo, without shifting the logits."""
    losses = []
    for student, teacher in zip(student_logits, teacher_logits, strict=True):
        p, q = (np.exp(one / temperature) / np.sum(np.exp(one / temperature)) for one in (teacher, student))
        losses.append(-np.sum(p * np.log(q)))
    return temperature**2 * float(np.mean(losses))


def fake(x, scale, zero_point, qmin, qmax):
    """Clip the real numbers to the ends of the ruler, and round half up."""
    low, high = scale * (qmin - zero_point), scale * (qmax - zero_point)
    return scale * np.floor(np.clip(x, low, high) / scale + 0.5)


def straight(gradient, x, scale, zero_point, qmin, qmax):
    """Ask the real numbers."""
    inside = (x > scale * (qmin - zero_point)) & (x < scale * (qmax - zero_point))
    return np.where(inside, gradient, 0.0)
