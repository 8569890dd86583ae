"""What the course's notebooks import: data, models, measurement, optimizers, widgets."""
